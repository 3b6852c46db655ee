import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FakeClock } from "@finial/sdk/testing";
import { within } from "./within.ts";

describe("within()", () => {
  it("gives what the promise gives, and leaves no sleeper behind", async () => {
    const clock = new FakeClock();
    assert.equal(await within(Promise.resolve(7), 1000, { clock }), 7);
    assert.equal(clock.sleeping, 0);
    await assert.rejects(within(Promise.reject(new Error("no")), 1000, { clock }), { message: "no" });
    assert.equal(clock.sleeping, 0);
  });

  it("gives nothing once the time is over", async () => {
    const clock = new FakeClock();
    const { promise, resolve } = Promise.withResolvers<number>();
    const given: unknown[] = [];
    const waiting = within(promise, 1000, { clock }).then((value) => given.push(value));
    await clock.advance(999);
    assert.deepEqual(given, []);
    await clock.advance(1);
    assert.deepEqual(given, [undefined]);
    // What comes late is of no interest, and no unhandled failure either.
    resolve(1);
    await waiting;
  });

  it("fails as soon as the signal aborts", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const waiting = within(new Promise(() => {}), 1000, { clock, signal: stop.signal });
    stop.abort();
    await assert.rejects(waiting, { name: "AbortError" });
    assert.equal(clock.sleeping, 0);
  });
});
