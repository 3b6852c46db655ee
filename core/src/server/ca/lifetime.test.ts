import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { activationTime, preparationTime, validity } from "./lifetime.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const issuedAt = new Date("2026-01-01T00:00:00Z");
const after = (ms: number): Date => new Date(issuedAt.getTime() + ms);

describe("preparationTime() and activationTime()", () => {
  const cases: readonly [lifeMs: number, preparedMs: number, activeMs: number][] = [
    [minuteMs, minuteMs / 2, (minuteMs * 5) / 6],
    [24 * hourMs, 12 * hourMs, 20 * hourMs],
    // A sixth is 7 days from here on.
    [42 * dayMs, 21 * dayMs, 35 * dayMs],
    [48 * dayMs, 24 * dayMs, 41 * dayMs],
    // A half is 30 days from here on.
    [60 * dayMs, 30 * dayMs, 53 * dayMs],
    [365 * dayMs, 335 * dayMs, 358 * dayMs],
  ];
  for (const [lifeMs, preparedMs, activeMs] of cases) {
    it(`are SPIRE's for a life of ${lifeMs / hourMs} hours`, () => {
      const lifetime = { issuedAt, notAfter: after(lifeMs) };
      assert.deepEqual(
        [preparationTime(lifetime), activationTime(lifetime)],
        [after(preparedMs), after(activeMs)],
      );
    });
  }
});

describe("validity()", () => {
  const cases: readonly [title: string, ttlMs: number, issuerMs: number | undefined, notAfterMs: number][] = [
    ["as long as is wanted, for a root", hourMs, undefined, hourMs],
    ["as long as is wanted, within the issuer's", hourMs, dayMs, hourMs],
    ["as long as is wanted, to the issuer's end", hourMs, hourMs, hourMs],
    ["to the issuer's end at most", dayMs, hourMs, hourMs],
  ];
  for (const [title, ttlMs, issuerMs, notAfterMs] of cases) {
    it(`is ${title}, and begins 10 s early`, () => {
      assert.deepEqual(validity(issuedAt, ttlMs, issuerMs === undefined ? undefined : after(issuerMs)), {
        notBefore: after(-10_000),
        notAfter: after(notAfterMs),
      });
    });
  }
});
