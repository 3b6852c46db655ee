import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { FakeClock } from "@finial/sdk/testing";
import { Allowance, readPaced } from "./paced.ts";

const mib = 1 << 20;

function read(stream: PassThrough, clock: FakeClock) {
  const state = { length: 0, floods: 0 };
  const allowance = new Allowance({ clock, onFlood: () => state.floods++ });
  readPaced(stream, (text) => (state.length += text.length), { clock, allowance });
  return state;
}

/** All that the stream takes without being read. */
function flood(stream: PassThrough): void {
  while (stream.writableLength < mib) stream.write("x".repeat(64 << 10));
}

describe("readPaced()", () => {
  it("reads a burst at once, and then no more than a plugin has reason to write", async () => {
    const clock = new FakeClock();
    const stream = new PassThrough();
    const state = read(stream, clock);
    const readBy = async (ms: number): Promise<number> => {
      await clock.advance(ms);
      return state.length / mib;
    };
    for (let count = 0; count < 20; count++) {
      flood(stream);
      await clock.advance(0);
    }
    const burst = state.length / mib;
    assert.ok(burst >= 4 && burst < 5.2, `a burst of ${burst} MiB`);
    assert.equal(state.floods, 1);
    const before = state.length / mib;
    for (let count = 0; count < 100; count++) {
      flood(stream);
      await readBy(100);
    }
    const perSecond = (state.length / mib - before) / 10;
    assert.ok(perSecond > 0.85 && perSecond < 1.15, `${perSecond} MiB a second`);
    assert.equal(state.floods, 1);
    stream.destroy();
    await once(stream, "close");
    await clock.advance(0);
    assert.equal(clock.sleeping, 0);
  });

  it("does not hold up who writes little", async () => {
    const clock = new FakeClock();
    const stream = new PassThrough();
    const state = read(stream, clock);
    for (let second = 0; second < 20; second++) {
      stream.write("x".repeat(mib / 2));
      await clock.advance(1000);
    }
    assert.deepEqual(state, { length: 10 * mib, floods: 0 });
    stream.end();
    await once(stream, "close");
  });

  it("reads characters whole that come in two pieces", async () => {
    const stream = new PassThrough();
    let text = "";
    const clock = new FakeClock();
    const allowance = new Allowance({ clock, onFlood: () => {} });
    readPaced(stream, (piece) => (text += piece), { clock, allowance });
    const bytes = Buffer.from("ö€");
    for (const byte of bytes) stream.write(Buffer.of(byte));
    stream.end();
    await once(stream, "close");
    assert.equal(text, "ö€");
  });
});

describe("Allowance", () => {
  it("saves up no more than a burst, and is not taken in by a clock set back", () => {
    let nowMs = 0;
    const clock = { now: () => new Date(nowMs), sleep: () => Promise.resolve() };
    const allowance = new Allowance({ clock, onFlood: () => {} });
    nowMs = 3_600_000;
    assert.equal(allowance.take(4 * mib), 0);
    assert.equal(allowance.take(mib), 1000);
    nowMs = 0;
    assert.equal(allowance.take(mib), 2000);
    nowMs = 2000;
    assert.equal(allowance.take(0), 0);
  });
});
