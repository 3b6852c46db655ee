import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "@finial/sdk/testing";
import fc from "fast-check";
import { RestartPace } from "./restart-pace.ts";

function make(random: () => number = () => 0) {
  const clock = new FakeClock();
  const pace = new RestartPace({ clock, random });
  return {
    pace,
    /** A process that serves so long, from now on; the delay is waited for, too. */
    lives: async (servedMs: number): Promise<number> => {
      await clock.advance(servedMs);
      const delayMs = pace.ended(servedMs);
      await clock.advance(delayMs);
      return delayMs;
    },
  };
}

describe("RestartPace.ended()", () => {
  it("waits from the fourth early end on: 100 ms, and twice as long each time, up to 30 s", async () => {
    const { lives } = make();
    const delays: number[] = [];
    for (let end = 0; end < 14; end++) delays.push(await lives(0));
    assert.deepEqual(delays, [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
  });

  it("waits for none that served well, however often it ends", async () => {
    const { lives, pace } = make();
    for (let end = 0; end < 100; end++) assert.equal(await lives(2000), 0);
    assert.equal(pace.slowed, false);
  });

  it("counts only the early ends of the last minute", async () => {
    const { lives } = make();
    for (let end = 0; end < 12; end++) assert.equal(await lives(end % 3 === 0 ? 59_999 : 1999), 0, `${end}`);
  });

  it("stays slow through good service that is short, and forgets after a minute of it", async () => {
    const { lives, pace } = make();
    for (let end = 0; end < 5; end++) await lives(0);
    assert.equal(await lives(59_999), 0);
    assert.equal(pace.slowed, true);
    assert.equal(await lives(0), 400);
    assert.equal(await lives(60_000), 0);
    assert.equal(pace.slowed, false);
    assert.deepEqual([await lives(0), await lives(0), await lives(0), await lives(0)], [0, 0, 0, 100]);
  });

  it("takes a random part of at most half off the delay", async () => {
    const { lives } = make(() => 0.5);
    for (let end = 0; end < 3; end++) await lives(0);
    assert.equal(await lives(0), 75);
  });

  it("keeps its promises whatever happens", async () => {
    const life = fc.record({
      servedMs: fc.nat(120_000),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(life, { maxLength: 60 }), async (sequence) => {
        let random = 0;
        const { lives, pace } = make(() => random);
        let nowMs = 0;
        let early: number[] = [];
        for (const each of sequence) {
          random = each.random;
          const wasSlow = pace.slowed;
          nowMs += each.servedMs;
          const delayMs = await lives(each.servedMs);
          if (each.servedMs >= 60_000) early = [];
          early = early.filter((ms) => nowMs - ms < 60_000);
          if (each.servedMs < 2000) early.push(nowMs);
          nowMs += delayMs;
          // Never a wait after good service, never one of more than 30 s, and none without four early ends in a minute.
          assert.ok(delayMs <= 30_000);
          if (each.servedMs >= 2000) assert.equal(delayMs, 0);
          if (delayMs > 0 && !wasSlow) assert.ok(early.length >= 4);
          if (each.servedMs < 2000 && early.length >= 4) assert.ok(delayMs >= 50);
          if (each.servedMs >= 60_000) assert.equal(pace.slowed, false);
        }
      }),
      { numRuns: 60 },
    );
  });
});
