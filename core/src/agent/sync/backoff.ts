import type { Clock } from "@finial/sdk";

const multiplier = 1.5;
/** Each wait is this much longer or shorter, so that agents that failed together do not come back together. */
const jitter = 0.1;
const maxMultiple = 24;

export interface BackoffOptions {
  readonly initialMs: number;
  /** By default 24 times the initial one. */
  readonly maxMs?: number;
  /** Absent: one may try for ever. */
  readonly maxElapsedMs?: number;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** How long to wait before trying again: longer after each failure, as in SPIRE. */
export class Backoff {
  readonly #options: BackoffOptions;
  #intervalMs: number;
  #startedMs: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#intervalMs = options.initialMs;
    this.#startedMs = options.clock.now().getTime();
  }

  /** Undefined: time is up. */
  next(): number | undefined {
    const { initialMs, maxMs = initialMs * maxMultiple, maxElapsedMs, clock, random } = this.#options;
    const waitMs = this.#intervalMs * (1 - jitter + 2 * jitter * random());
    this.#intervalMs = Math.min(this.#intervalMs * multiplier, maxMs);
    const elapsedMs = clock.now().getTime() - this.#startedMs;
    return maxElapsedMs !== undefined && elapsedMs + waitMs > maxElapsedMs ? undefined : waitMs;
  }

  reset(): void {
    this.#intervalMs = this.#options.initialMs;
    this.#startedMs = this.#options.clock.now().getTime();
  }
}
