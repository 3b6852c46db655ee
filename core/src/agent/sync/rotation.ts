const hourMs = 3_600_000;
/** An SVID must outlive the availability target by more than this for the target to be kept. */
const graceMs = 12 * hourMs;
const targetJitterMs = 600_000;
const halfLifeJitter = 0.1;

interface Lifetime {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** When an SVID is due for renewal. Drawn anew at each question: agents that began together drift apart. */
export class RotationPolicy {
  readonly #availabilityTargetMs: number | undefined;
  readonly #random: () => number;

  constructor(options: {
    /** So long a server may be away without an SVID expiring; absent: half of the life is the rule. */
    readonly availabilityTargetMs: number | undefined;
    /** From 0 up to 1. */
    readonly random: () => number;
  }) {
    this.#availabilityTargetMs = options.availabilityTargetMs;
    this.#random = options.random;
  }

  isX509SvidDue({ notBefore, notAfter }: Lifetime, now: Date): boolean {
    const leftMs = notAfter.getTime() - now.getTime();
    const lifetimeMs = notAfter.getTime() - notBefore.getTime();
    if (leftMs <= 0) return true;
    const targetMs = this.#availabilityTargetMs;
    if (
      targetMs !== undefined &&
      lifetimeMs - targetMs > graceMs &&
      leftMs <= targetMs + this.#random() * targetJitterMs
    )
      return true;
    return this.#isPastHalf(leftMs, lifetimeMs);
  }

  isJwtSvidDue(
    { issuedAt, expiresAt }: { readonly issuedAt: Date; readonly expiresAt: Date },
    now: Date,
  ): boolean {
    const leftMs = expiresAt.getTime() - now.getTime();
    return leftMs <= 0 || this.#isPastHalf(leftMs, expiresAt.getTime() - issuedAt.getTime());
  }

  /** True when the SVID lives too short for the availability target, which is then not heeded. */
  missesTarget({ notBefore, notAfter }: Lifetime): boolean {
    const targetMs = this.#availabilityTargetMs;
    return targetMs !== undefined && notAfter.getTime() - notBefore.getTime() - targetMs <= graceMs;
  }

  #isPastHalf(leftMs: number, lifetimeMs: number): boolean {
    return leftMs <= (lifetimeMs / 2) * (1 - halfLifeJitter + 2 * halfLifeJitter * this.#random());
  }
}
