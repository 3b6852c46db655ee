import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { HealthChecks } from "./health-checks.ts";

/** A part that is as well as `problem` says, and counts how often it was asked. */
function makePart(name: string, problem?: string) {
  const part = {
    problem,
    asked: 0,
    check: {
      name,
      check: async () => {
        part.asked++;
        if (part.problem !== undefined) throw new Error(part.problem);
      },
    },
  };
  return part;
}

const forever = new AbortController().signal;

describe("HealthChecks", () => {
  it("takes nothing for well before it was asked", () => {
    const part = makePart("server");
    const checks = new HealthChecks([part.check], { clock: new FakeClock(), logger: captureLog() });
    assert.equal(checks.ready, false);
    assert.deepEqual(checks.details, { server: { error: "not checked yet" } });
  });

  it("is well when all its parts are, and says what is wrong with each", async () => {
    const parts = [makePart("server", "no bundle"), makePart("server.ca"), makePart("store", "locked")];
    const checks = new HealthChecks(
      parts.map(({ check }) => check),
      { clock: new FakeClock(), logger: captureLog() },
    );
    await checks.checkAll(forever);
    assert.equal(checks.ready, false);
    assert.deepEqual(checks.details, {
      server: { error: "no bundle" },
      "server.ca": {},
      store: { error: "locked" },
    });
    for (const part of parts) part.problem = undefined;
    await checks.checkAll(forever);
    assert.equal(checks.ready, true);
    assert.deepEqual(checks.details, { server: {}, "server.ca": {}, store: {} });
  });

  it("logs a problem once, another one again, and the recovery", async () => {
    const part = makePart("server", "no bundle");
    const logger = captureLog();
    const checks = new HealthChecks([part.check], { clock: new FakeClock(), logger });
    for (const problem of ["no bundle", "no bundle", "no keys", undefined, undefined]) {
      part.problem = problem;
      await checks.checkAll(forever);
    }
    assert.deepEqual(logger.lines, [
      { level: "warn", message: "Health check failed", fields: { check: "server", error: "no bundle" } },
      { level: "warn", message: "Health check failed", fields: { check: "server", error: "no keys" } },
      { level: "info", message: "Health check recovered", fields: { check: "server", error: "no keys" } },
    ]);
  });

  it("asks every second until all is well, then every minute", async () => {
    const clock = new FakeClock();
    const part = makePart("agent", "starting");
    const stop = new AbortController();
    const checks = new HealthChecks([part.check], { clock, logger: captureLog() });
    const running = checks.run(stop.signal);
    await clock.advance(0);
    await clock.advance(3000);
    assert.equal(part.asked, 4);
    part.problem = undefined;
    await clock.advance(1000);
    assert.equal(part.asked, 5);
    await clock.advance(59_999);
    assert.equal(part.asked, 5);
    part.problem = "ill again";
    await clock.advance(1);
    assert.equal(part.asked, 6);
    await clock.advance(1000);
    assert.equal(part.asked, 7);
    stop.abort();
    await assert.rejects(running, { name: "AbortError" });
    assert.equal(clock.sleeping, 0);
  });

  it("lives on, and is not ready, while a part that mends itself is not well; of that it logs nothing", async () => {
    const part = makePart("plugins", "one keeps ending");
    const logger = captureLog();
    const checks = new HealthChecks([{ ...part.check, readinessOnly: true }], {
      clock: new FakeClock(),
      logger,
    });
    await checks.checkAll(forever);
    assert.deepEqual([checks.live, checks.ready], [true, false]);
    assert.deepEqual(checks.details, { plugins: { error: "one keeps ending" } });
    assert.deepEqual(logger.lines, []);
  });

  it("asks at once when told that something has changed", async () => {
    const clock = new FakeClock();
    const part = makePart("plugins");
    const stop = new AbortController();
    const checks = new HealthChecks([part.check], { clock, logger: captureLog() });
    const running = checks.run(stop.signal);
    await clock.advance(0);
    assert.equal(part.asked, 1);
    part.problem = "ill";
    checks.recheck();
    await clock.advance(0);
    assert.deepEqual([part.asked, checks.ready], [2, false]);
    stop.abort();
    await assert.rejects(running, { name: "AbortError" });
    assert.equal(clock.sleeping, 0);
  });

  it("does not wait for ever for a part that hangs, and tells it to give up", async () => {
    const clock = new FakeClock();
    const logger = captureLog();
    let told = false;
    const hang = (signal: AbortSignal): Promise<void> =>
      new Promise(() =>
        signal.addEventListener("abort", () => {
          told = true;
        }),
      );
    const checks = new HealthChecks([{ name: "store", check: hang }], { clock, logger });
    const asked = checks.checkAll(forever);
    await clock.advance(9999);
    assert.deepEqual(checks.details, { store: { error: "not checked yet" } });
    await clock.advance(1);
    await asked;
    assert.deepEqual(checks.details, { store: { error: "no answer within 10 s" } });
    assert.equal(told, true);
  });

  it("says nothing of a check that the end of the daemon cut off", async () => {
    const stop = new AbortController();
    const logger = captureLog();
    const check = async (): Promise<void> => {
      stop.abort();
      throw new Error("cut off");
    };
    const checks = new HealthChecks([{ name: "server", check }], { clock: new FakeClock(), logger });
    await checks.checkAll(stop.signal);
    assert.deepEqual(logger.lines, []);
    assert.deepEqual(checks.details, { server: { error: "not checked yet" } });
  });
});
