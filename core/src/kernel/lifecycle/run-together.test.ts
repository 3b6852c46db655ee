import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { aborted, runTogether, type Task } from "./run-together.ts";

/** Runs until its signal aborts, then takes a turn to end; the notes say when. */
function orderly(name: string, notes: string[]): Task {
  return async (signal) => {
    await aborted(signal);
    await new Promise((resolve) => setImmediate(resolve));
    notes.push(`${name} ended`);
  };
}

describe("runTogether()", () => {
  it("ends all when the signal aborts, and waits for them", async () => {
    const stop = new AbortController();
    const notes: string[] = [];
    const running = runTogether([orderly("a", notes), orderly("b", notes)], stop.signal);
    stop.abort();
    await running;
    assert.deepEqual(notes, ["a ended", "b ended"]);
  });

  it("ends the others when one fails, and fails with its error when they have ended", async () => {
    const notes: string[] = [];
    const failing: Task = () => Promise.reject(new Error("first"));
    const late: Task = async (signal) => {
      await aborted(signal);
      throw new Error("second");
    };
    const running = runTogether([orderly("a", notes), failing, late], new AbortController().signal);
    await assert.rejects(running, { message: "first" });
    assert.deepEqual(notes, ["a ended"]);
  });

  it("goes on when one is done", async () => {
    const stop = new AbortController();
    let isOver = false;
    const running = runTogether([() => Promise.resolve(), aborted], stop.signal).then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isOver, false);
    stop.abort();
    await running;
  });

  it("takes a task's own cancellation for no failure once it is told to end, and for one before", async () => {
    const cancelled = new StatusError(Code.Cancelled, "CANCELLED", "context canceled");
    const stop = new AbortController();
    const obedient: Task = async (signal) => {
      await aborted(signal);
      throw signal.reason;
    };
    const running = runTogether([obedient], stop.signal);
    stop.abort();
    await running;
    await assert.rejects(
      runTogether([() => Promise.reject(cancelled)], new AbortController().signal),
      cancelled,
    );
  });

  it("tells of a failure while ending", async () => {
    const stop = new AbortController();
    const broken: Task = async (signal) => {
      await aborted(signal);
      throw new Error("not saved");
    };
    const running = runTogether([broken], stop.signal);
    stop.abort();
    await assert.rejects(running, { message: "not saved" });
  });
});
