import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { captureLog } from "./capture-log.ts";
import { FakeClock } from "./fake-clock.ts";

describe("FakeClock", () => {
  it("moves only when told to, and wakes sleepers in the order they are due", async () => {
    const clock = new FakeClock(new Date("2026-01-01T00:00:00Z"));
    const woken: [string, number][] = [];
    const sleep = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push([name, clock.now().getTime() - Date.UTC(2026, 0, 1)]);
    };
    const both = Promise.all([sleep("late", 2000), sleep("early", 1000), sleep("far", 10_000)]);
    assert.equal(clock.sleeping, 3);
    await clock.advance(999);
    assert.deepEqual(woken, []);
    await clock.advance(1001);
    assert.deepEqual(woken, [
      ["early", 1000],
      ["late", 2000],
    ]);
    assert.deepEqual([clock.sleeping, clock.now()], [1, new Date("2026-01-01T00:00:02Z")]);
    await clock.advance(8000);
    await both;
  });

  it("wakes who falls asleep again on the way", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const abort = new AbortController();
    const ticking = (async () => {
      for (;;) {
        await clock.sleep(1000, { signal: abort.signal });
        ticks++;
      }
    })();
    await clock.advance(5500);
    assert.equal(ticks, 5);
    abort.abort(new Error("enough"));
    await assert.rejects(ticking, /enough/);
    assert.equal(clock.sleeping, 0);
    await assert.rejects(clock.sleep(1, { signal: abort.signal }), /enough/);
  });
});

describe("captureLog()", () => {
  it("remembers lines, its children's too", () => {
    const log = captureLog();
    log.info("a");
    log.with({ x: 1 }).with({ y: 2 }).error("b", { z: 3 });
    assert.deepEqual(log.lines, [
      { level: "info", message: "a", fields: {} },
      { level: "error", message: "b", fields: { x: 1, y: 2, z: 3 } },
    ]);
  });
});
