import { setTimeout as sleep } from "node:timers/promises";

/**
 * Tries until it works.
 * @throws the last failure, after `timeoutMs`, or the first that is final.
 */
export async function eventually<T>(
  attempt: () => Promise<T>,
  options: {
    readonly timeoutMs: number;
    readonly everyMs?: number;
    readonly isFinal?: (error: unknown) => boolean;
  },
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline || options.isFinal?.(error)) throw error;
      await sleep(options.everyMs ?? 50);
    }
  }
}
