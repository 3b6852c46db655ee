import { type Clock, Code, StatusError } from "@finial/sdk";

/** How often buckets nobody used are thrown away: after one to two of these. */
const generationMs = 60_000;

interface Bucket {
  tokens: number;
  at: number;
}

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

  /**
   * Resolves when the address may do `count` things.
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
    const waitMs = this.#reserve(address, count);
    if (waitMs > 0) await this.#clock.sleep(waitMs, options);
  }

  /** Takes the tokens now, on credit if need be: who comes later waits longer. */
  #reserve(address: string, count: number): number {
    const now = this.#clock.now().getTime();
    this.#turn(now);
    const bucket = this.#find(address) ?? { tokens: this.#perSecond, at: now };
    this.#young.set(address, bucket);
    const earned = ((now - bucket.at) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#perSecond, bucket.tokens + earned) - count;
    bucket.at = now;
    return bucket.tokens >= 0 ? 0 : Math.ceil((-bucket.tokens / this.#perSecond) * 1000);
  }

  #find(address: string): Bucket | undefined {
    return this.#young.get(address) ?? this.#old.get(address);
  }

  #turn(now: number): void {
    if (now - this.#turnedAt < generationMs) return;
    this.#turnedAt = now;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
