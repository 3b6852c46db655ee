import { type Clock, Code, StatusError } from "@finial/sdk";
import { compareSelectors, type Selector } from "@finial/sdk/spiffe";

/** Callers nobody has heard of for this long have a full bucket again, and need none. */
const generationMs = 60_000;

interface Bucket {
  tokens: number;
  atMs: number;
}

/** So many calls a second for all callers with the same selectors, and as many at once; nobody waits. */
export class SelectorLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();
  #turnedAtMs: number;

  /** @param perSecond 0: as many as they like. */
  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#turnedAtMs = clock.now().getTime();
  }

  /** @throws {StatusError} Unavailable `RATE_LIMIT`, SPIRE's code for it. */
  take(method: string, selectors: readonly Selector[]): void {
    if (this.#perSecond === 0) return;
    const nowMs = this.#clock.now().getTime();
    this.#turn(nowMs);
    const key = JSON.stringify([...selectors].sort(compareSelectors).map(({ type, value }) => [type, value]));
    const bucket = this.#young.get(key) ?? this.#old.get(key) ?? { tokens: this.#perSecond, atMs: nowMs };
    this.#young.set(key, bucket);
    const earned = ((nowMs - bucket.atMs) / 1000) * this.#perSecond;
    bucket.tokens = Math.min(this.#perSecond, bucket.tokens + earned);
    bucket.atMs = nowMs;
    if (bucket.tokens < 1)
      throw new StatusError(Code.Unavailable, "RATE_LIMIT", `rate limit exceeded for ${method}`);
    bucket.tokens -= 1;
  }

  #turn(nowMs: number): void {
    if (nowMs - this.#turnedAtMs < generationMs) return;
    this.#turnedAtMs = nowMs;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
