import { type Clock, Code, StatusError } from "@finial/sdk";

/** How often buckets nobody used are thrown away: after one to two of these. */
const generationMs = 60_000;

/**
 * So many a second for each address, as many at once, waiting for more as long as the caller does.
 *
 * @see SPIRE's per-IP limits: a token bucket whose burst is its rate
 */
export class PerAddressLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();
  #turnedAt: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#turnedAt = clock.now().getTime();
  }

  /** Addresses that are remembered. */
  get size(): number {
    return new Set([...this.#young.keys(), ...this.#old.keys()]).size;
  }

  /**
   * Resolves when the address may do `count` things. Who came first goes first; who leaves takes nothing.
   *
   * @throws {StatusError} ResourceExhausted when it never may; what the signal aborts with when the caller leaves.
   */
  async take(address: string, count: number, options: { readonly signal: AbortSignal }): Promise<void> {
    if (count > this.#perSecond)
      throw new StatusError(
        Code.ResourceExhausted,
        "RATE_LIMIT",
        `rate (${count}) exceeds burst size (${this.#perSecond})`,
      );
    const bucket = this.#use(address);
    try {
      await bucket.take(count, options);
    } finally {
      // A queue can be longer than a generation: its bucket is in use to its end.
      this.#young.set(address, bucket);
    }
  }

  #use(address: string): Bucket {
    const now = this.#clock.now().getTime();
    if (Math.abs(now - this.#turnedAt) >= generationMs) {
      this.#turnedAt = now;
      this.#old = this.#young;
      this.#young = new Map();
    }
    const bucket =
      this.#young.get(address) ?? this.#old.get(address) ?? new Bucket(this.#perSecond, this.#clock);
    this.#young.set(address, bucket);
    return bucket;
  }
}

/** What one address has left, and who waits for more. */
class Bucket {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAt: number;
  #waiting = 0;
  /** Settles when the last in the queue has gone. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond;
    this.#filledAt = clock.now().getTime();
  }

  async take(count: number, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    signal.throwIfAborted();
    if (this.#waiting === 0 && this.#msUntil(count) <= 0) {
      this.#tokens -= count;
      return;
    }
    const before = this.#queue;
    const gone = Promise.withResolvers<void>();
    this.#queue = before.then(() => gone.promise);
    this.#waiting++;
    try {
      await unlessAborted(before, signal);
      for (let ms = this.#msUntil(count); ms > 0; ms = this.#msUntil(count))
        await this.#clock.sleep(ms, { signal });
      this.#tokens -= count;
    } finally {
      this.#waiting--;
      gone.resolve();
    }
  }

  #msUntil(count: number): number {
    const now = this.#clock.now().getTime();
    // A clock that was set back earns nothing, and costs nothing either.
    const earned = (Math.max(0, now - this.#filledAt) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#perSecond, this.#tokens + earned);
    this.#filledAt = now;
    return Math.ceil(((count - this.#tokens) / this.#perSecond) * 1000 - roundingMs);
  }
}

/** Sums of fractions are off by less. */
const roundingMs = 1e-6;

function unlessAborted(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    void promise.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
