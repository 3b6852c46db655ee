import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RotationPolicy } from "./rotation.ts";

const hourMs = 3_600_000;
const start = new Date("2026-01-01T00:00:00Z");
const at = (hours: number): Date => new Date(start.getTime() + hours * hourMs);
const lifetime = (hours: number) => ({ notBefore: start, notAfter: at(hours) });

function policy({
  targetHours,
  random = 0.5,
}: {
  readonly targetHours?: number;
  readonly random?: number;
} = {}) {
  const availabilityTargetMs = targetHours === undefined ? undefined : targetHours * hourMs;
  return new RotationPolicy({ availabilityTargetMs, random: () => random });
}

/** When an SVID is due for the first time, in hours of its life, as far as minutes tell. */
function dueAfter(hours: number, options: Parameters<typeof policy>[0] = {}): number {
  const rotation = policy(options);
  for (let minute = 0; minute <= hours * 60; minute++)
    if (rotation.isX509SvidDue(lifetime(hours), at(minute / 60))) return minute / 60;
  throw new assert.AssertionError({ message: "it was never due" });
}

describe("RotationPolicy.isX509SvidDue()", () => {
  const cases = [
    { title: "half of its life", hours: 10, options: {}, expected: 5 },
    {
      title: "a tenth of that half earlier, at the earliest",
      hours: 10,
      options: { random: 1 },
      expected: 4.5,
    },
    { title: "a tenth of that half later, at the latest", hours: 10, options: { random: 0 }, expected: 5.5 },
    {
      title: "when no more than the availability target is left",
      hours: 100,
      options: { targetHours: 80, random: 0 },
      expected: 20,
    },
    {
      title: "up to ten minutes before that",
      hours: 100,
      options: { targetHours: 80, random: 0.9 },
      expected: 20 - 0.15,
    },
    {
      title: "half of its life when the target is less",
      hours: 100,
      options: { targetHours: 24 },
      expected: 50,
    },
    {
      title: "half of its life when it outlives the target by twelve hours only",
      hours: 36,
      options: { targetHours: 24 },
      expected: 18,
    },
    {
      title: "the target when it outlives that by a little more",
      hours: 37,
      options: { targetHours: 24, random: 0 },
      expected: 13,
    },
  ];
  for (const { title, hours, options, expected } of cases)
    it(`says so after ${title}`, () => {
      assert.ok(Math.abs(dueAfter(hours, options) - expected) < 1 / 59, `${dueAfter(hours, options)}`);
    });

  it("says so of one that has expired, whatever chance says", () => {
    assert.ok(policy({ random: 0 }).isX509SvidDue(lifetime(1), at(1)));
    assert.ok(policy({ random: 1 }).isX509SvidDue(lifetime(1), at(2)));
  });
});

describe("RotationPolicy.missesTarget()", () => {
  const cases = [
    { hours: 1, targetHours: undefined, expected: false },
    { hours: 36, targetHours: 24, expected: true },
    { hours: 37, targetHours: 24, expected: false },
    { hours: 1, targetHours: 24, expected: true },
  ];
  for (const { hours, targetHours, expected } of cases)
    it(`says ${expected} for a life of ${hours} h and a target of ${targetHours ?? "no"} h`, () => {
      const rotation = policy(targetHours === undefined ? {} : { targetHours });
      assert.equal(rotation.missesTarget(lifetime(hours)), expected);
    });
});

describe("RotationPolicy.isJwtSvidDue()", () => {
  const svid = { issuedAt: start, expiresAt: at(1) };
  const cases = [
    { minutes: 29, random: 0.5, expected: false },
    { minutes: 30, random: 0.5, expected: true },
    { minutes: 27, random: 1, expected: true },
    { minutes: 32, random: 0, expected: false },
    { minutes: 60, random: 0, expected: true },
    { minutes: 99, random: 0, expected: true },
  ];
  for (const { minutes, random, expected } of cases)
    it(`says ${expected} after ${minutes} of 60 minutes when chance is ${random}`, () => {
      assert.equal(policy({ random, targetHours: 24 }).isJwtSvidDue(svid, at(minutes / 60)), expected);
    });
});
