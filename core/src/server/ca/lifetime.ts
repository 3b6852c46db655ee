/** Certificates begin a little early, for clocks that are a little late. */
const backdateMs = 10_000;
const dayMs = 24 * 3_600_000;

/** When an authority is made useful, from its issue to its end. */
export interface Lifetime {
  readonly issuedAt: Date;
  readonly notAfter: Date;
}

/** From when on the next authority should be prepared: half of the lifetime before the end, at most 30 days. */
export function preparationTime(lifetime: Lifetime): Date {
  return beforeEnd(lifetime, 2, 30 * dayMs);
}

/** From when on the next authority should sign: a sixth of the lifetime before the end, at most 7 days. */
export function activationTime(lifetime: Lifetime): Date {
  return beforeEnd(lifetime, 6, 7 * dayMs);
}

function beforeEnd({ issuedAt, notAfter }: Lifetime, divisor: number, mostMs: number): Date {
  const wholeMs = notAfter.getTime() - issuedAt.getTime();
  return new Date(notAfter.getTime() - Math.min(wholeMs / divisor, mostMs));
}

/** Validity of something issued now, in whole seconds, as certificates have it: never beyond its issuer's. */
export function validity(
  now: Date,
  ttlMs: number,
  issuerNotAfter: Date | undefined,
): { readonly notBefore: Date; readonly notAfter: Date } {
  const wanted = now.getTime() + ttlMs;
  const end = issuerNotAfter === undefined ? wanted : Math.min(wanted, issuerNotAfter.getTime());
  return { notBefore: wholeSeconds(now.getTime() - backdateMs), notAfter: wholeSeconds(end) };
}

function wholeSeconds(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}
