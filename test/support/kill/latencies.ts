/** How long calls took, in milliseconds, and what went wrong with others. */
export class Latencies {
  readonly name: string;
  #ms: number[] = [];
  #failures: string[] = [];

  constructor(name: string) {
    this.name = name;
  }

  get count(): number {
    return this.#ms.length;
  }

  get failures(): readonly string[] {
    return this.#failures;
  }

  get maxMs(): number {
    return this.#ms.reduce((most, ms) => Math.max(most, ms), 0);
  }

  /** Of all calls since the last {@link forget}. @param part from 0 to 1. */
  quantile(part: number): number {
    const sorted = this.#ms.toSorted((one, other) => one - other);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  }

  forget(): void {
    this.#ms = [];
    this.#failures = [];
  }

  /** Notes how long a call takes. */
  async time(call: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    try {
      await call();
      this.#ms.push(performance.now() - startedAt);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#failures.push(`${message} (after ${Math.round(performance.now() - startedAt)} ms)`);
    }
  }
}

/** Makes a call every so often until the signal aborts, however long those before it take, and waits for the last. */
export async function keepCalling(
  latencies: Latencies,
  everyMs: number,
  call: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const open = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const made = latencies.time(call).finally(() => open.delete(made));
    open.add(made);
  }, everyMs);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  clearInterval(timer);
  await Promise.all(open);
}
