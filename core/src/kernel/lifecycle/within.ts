import type { Clock } from "@finial/sdk";

/**
 * What the promise gives, or undefined when it takes longer than `ms`.
 *
 * @throws as the promise does, and the signal's reason when it aborts first.
 */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<T | undefined> {
  const settled = new AbortController();
  const until = signal === undefined ? settled.signal : AbortSignal.any([signal, settled.signal]);
  try {
    return await Promise.race([promise, clock.sleep(ms, { signal: until }).then(() => undefined)]);
  } finally {
    settled.abort();
  }
}
