import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "@finial/sdk/testing";
import { every } from "./every.ts";

describe("every()", () => {
  it("works after each interval, one at a time, until the signal aborts", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const at: number[] = [];
    const startMs = clock.now().getTime();
    const work = async (): Promise<void> => {
      at.push(clock.now().getTime() - startMs);
      await clock.sleep(300);
    };
    const running = every(1000, work, clock)(stop.signal);
    await clock.advance(999);
    assert.deepEqual(at, []);
    // The pause begins when the work is done.
    await clock.advance(2601);
    assert.deepEqual(at, [1000, 2300, 3600]);
    await clock.advance(300);
    stop.abort();
    await assert.rejects(running, { name: "AbortError" });
    assert.equal(clock.sleeping, 0);
  });

  it("asks for the interval anew each time", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const intervals = [10, 100];
    let count = 0;
    const work = async (): Promise<void> => {
      count++;
    };
    const running = every(() => intervals.shift() ?? 1000, work, clock)(stop.signal);
    const counts: number[] = [];
    for (const ms of [10, 99, 1, 999, 1]) {
      await clock.advance(ms);
      counts.push(count);
    }
    assert.deepEqual(counts, [1, 1, 2, 2, 3]);
    stop.abort();
    await assert.rejects(running, { name: "AbortError" });
  });

  it("ends with its work's failure", async () => {
    const clock = new FakeClock();
    const running = every(1, () => Promise.reject(new Error("broken")), clock)(new AbortController().signal);
    const failure = assert.rejects(running, { message: "broken" });
    await clock.advance(1);
    await failure;
  });

  it("does not begin when the signal has aborted", async () => {
    const work = (): Promise<void> => assert.fail("worked");
    await every(0, work, new FakeClock())(AbortSignal.abort());
  });
});
