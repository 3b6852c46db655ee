import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "@finial/sdk/testing";
import { Backoff } from "./backoff.ts";

const middle = (): number => 0.5;

describe("Backoff", () => {
  it("waits half as long again each time, up to 24 times the first wait", () => {
    const backoff = new Backoff({ initialMs: 1000, clock: new FakeClock(), random: middle });
    const waits = Array.from({ length: 12 }, () => backoff.next());
    assert.deepEqual(waits.slice(0, 4), [1000, 1500, 2250, 3375]);
    assert.deepEqual(waits.slice(8), [24_000, 24_000, 24_000, 24_000]);
    assert.ok((waits[7] ?? 0) < 24_000);
  });

  it("waits no longer than it is told to", () => {
    const backoff = new Backoff({ initialMs: 1000, maxMs: 2000, clock: new FakeClock(), random: middle });
    assert.deepEqual(
      [backoff.next(), backoff.next(), backoff.next(), backoff.next()],
      [1000, 1500, 2000, 2000],
    );
  });

  it("varies each wait by a tenth", () => {
    const waitAt = (random: number) =>
      new Backoff({ initialMs: 1000, clock: new FakeClock(), random: () => random }).next();
    assert.deepEqual(
      [waitAt(0), waitAt(0.5), waitAt(0.999_999_9)].map((ms) => Math.round(ms ?? 0)),
      [900, 1000, 1100],
    );
  });

  it("begins anew when it is reset", () => {
    const backoff = new Backoff({ initialMs: 1000, clock: new FakeClock(), random: middle });
    backoff.next();
    backoff.next();
    backoff.reset();
    assert.equal(backoff.next(), 1000);
  });

  it("ends when the next wait would be too late, counted from its reset", async () => {
    const clock = new FakeClock();
    const backoff = new Backoff({ initialMs: 1000, maxElapsedMs: 2500, clock, random: middle });
    assert.equal(backoff.next(), 1000);
    await clock.advance(1000);
    assert.equal(backoff.next(), 1500);
    await clock.advance(1500);
    assert.equal(backoff.next(), undefined);
    backoff.reset();
    assert.equal(backoff.next(), 1000);
  });
});
