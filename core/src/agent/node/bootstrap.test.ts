import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { RebootstrapPolicy } from "../config/rebootstrap.ts";
import { AgentData, type AgentRecord } from "./agent-data.ts";
import { Bootstrap } from "./bootstrap.ts";

const root = mkdtempSync(join(tmpdir(), "finial-bootstrap-"));
after(() => rmSync(root, { recursive: true }));

const ca = await testCa({ clock: new FakeClock() });
const svid = await ca.x509Svid("/spire/agent/a");
const start = new Date("2026-01-01T00:00:00Z");
const unknown = new StatusError(
  Code.Unavailable,
  "X",
  "authentication handshake failed: x509: certificate signed by unknown authority",
);

function open({
  mode = "auto",
  record = {},
}: {
  readonly mode?: RebootstrapPolicy["mode"];
  readonly record?: Partial<AgentRecord>;
} = {}) {
  const clock = new FakeClock(start);
  const data = AgentData.open(mkdtempSync(join(root, "x")));
  data.update(record);
  /** A start of the agent, with what its data says. */
  const begin = () => {
    const logger = captureLog();
    return { logger, bootstrap: new Bootstrap({ data, policy: { mode, delayMs: 600_000 }, clock, logger }) };
  };
  return { clock, data, begin, ...begin() };
}

const trusting: Partial<AgentRecord> = {
  bundleDer: [ca.rootDer],
  chainDer: svid.chainDer,
  reattestable: true,
};

describe("Bootstrap", () => {
  it("remembers that an agent with a bundle has bootstrapped before", () => {
    assert.equal(open().data.record.bootstrapUse, "bootstrap");
    assert.equal(open({ record: trusting }).data.record.bootstrapUse, "rebootstrap");
    const once = open({ record: { bootstrapUse: "bootstrap", ...trusting } });
    assert.equal(once.data.record.bootstrapUse, "bootstrap");
  });

  it("counts attempts from the first, over restarts, until one succeeds", async () => {
    const { bootstrap, begin, clock, data, logger } = open();
    assert.deepEqual(bootstrap.begin(), { mode: "bootstrap", attempts: 1, startedAt: start });
    await clock.advance(5_000);
    assert.deepEqual(bootstrap.begin(), { mode: "bootstrap", attempts: 2, startedAt: start });
    assert.deepEqual(logger.lines.at(-1), {
      level: "info",
      message: "Server attestation attempt 2",
      fields: { started_at: "2026-01-01T00:00:00.000Z" },
    });
    assert.deepEqual(begin().bootstrap.begin(), { mode: "bootstrap", attempts: 3, startedAt: start });
    bootstrap.succeeded();
    const { bootstrapUse, bootstrapStartedAt, connectionAttempts } = data.record;
    assert.deepEqual([bootstrapUse, bootstrapStartedAt, connectionAttempts], ["rebootstrap", undefined, 0]);
    const again = begin();
    assert.deepEqual(again.bootstrap.begin(), { mode: "rebootstrap", attempts: 1, startedAt: clock.now() });
    assert.equal(again.logger.lines.at(-1)?.message, "Server reattestation attempt 1");
  });

  it("has patience for a minute, or for a day when it may begin anew", () => {
    const patience = (mode: RebootstrapPolicy["mode"]) => open({ mode }).bootstrap.patienceMs;
    assert.deepEqual(
      [patience("never"), patience("auto"), patience("always")],
      [60_000, 86_400_000, 86_400_000],
    );
  });
});

describe("Bootstrap.checkReattestable()", () => {
  const message =
    "you have requested rebootstrap support but the NodeAttestor plugin or the spire server configuration is not allowing it";

  it("turns rebootstrapping off, with a warning, where it was asked for if possible", () => {
    const { bootstrap, logger } = open({ mode: "auto" });
    bootstrap.checkReattestable(true);
    assert.deepEqual([bootstrap.mayRebootstrap, logger.lines], [true, []]);
    bootstrap.checkReattestable(false);
    assert.equal(bootstrap.mayRebootstrap, false);
    bootstrap.checkReattestable(false);
    assert.deepEqual(logger.lines, [{ level: "warn", message: `${message}. Disabling`, fields: {} }]);
  });

  it("refuses where it was asked for in any case, and does not care where it was not", () => {
    assert.throws(() => open({ mode: "always" }).bootstrap.checkReattestable(false), {
      code: Code.FailedPrecondition,
      reason: "NOT_REATTESTABLE",
      message,
    });
    const { bootstrap, logger } = open({ mode: "never" });
    bootstrap.checkReattestable(false);
    assert.deepEqual([bootstrap.mayRebootstrap, logger.lines], [false, []]);
  });
});

describe("Bootstrap.unknownWhileAttesting()", () => {
  it("only says so before the server was ever trusted", async () => {
    const { bootstrap, clock, data, logger } = open({ record: { bundleDer: [], bootstrapUse: "bootstrap" } });
    await clock.advance(3_600_000);
    bootstrap.unknownWhileAttesting();
    assert.deepEqual(logger.lines, [
      {
        level: "info",
        message: "Trust Bundle and Server don't agree, bootstrapping again",
        fields: {},
      },
    ]);
    assert.deepEqual(data.record.bundleDer, []);
  });

  it("forgets the bundle when the delay is over, counted from the first time, over restarts", async () => {
    const { bootstrap, begin, clock, data, logger } = open({ record: trusting });
    bootstrap.unknownWhileAttesting();
    assert.deepEqual(logger.lines, [
      {
        level: "info",
        message: "Trust Bundle and Server don't agree, ignoring for now",
        fields: { time_left: "600s" },
      },
    ]);
    await clock.advance(599_999);
    bootstrap.unknownWhileAttesting();
    assert.equal(data.record.bundleDer.length, 1);
    await clock.advance(1);
    const later = begin();
    later.bootstrap.unknownWhileAttesting();
    assert.deepEqual([data.record.bundleDer, data.record.chainDer], [[], svid.chainDer]);
    assert.deepEqual(later.logger.lines, [
      { level: "warn", message: "Trust Bundle and Server don't agree, rebootstrapping", fields: {} },
    ]);
  });

  it("begins the delay anew when the server was trusted between", async () => {
    const { bootstrap, clock, data } = open({ record: trusting });
    bootstrap.unknownWhileAttesting();
    await clock.advance(500_000);
    bootstrap.succeeded();
    await clock.advance(500_000);
    bootstrap.unknownWhileAttesting();
    assert.equal(data.record.bundleDer.length, 1);
  });

  it("keeps the bundle of an agent that may not begin anew", async () => {
    const { bootstrap, clock, data } = open({ mode: "never", record: trusting });
    bootstrap.unknownWhileAttesting();
    await clock.advance(86_400_000);
    bootstrap.unknownWhileAttesting();
    assert.equal(data.record.bundleDer.length, 1);
  });
});

describe("Bootstrap.unknownWhileServing()", () => {
  it("gives up, with the failure, where the agent may not begin anew", () => {
    const { bootstrap, data, logger } = open({ mode: "never", record: trusting });
    assert.throws(() => bootstrap.unknownWhileServing(unknown), {
      code: Code.Unavailable,
      message: `failed to sync with SPIRE Server: ${unknown.message}`,
    });
    assert.deepEqual(logger.lines, [
      {
        level: "info",
        message: "Synchronize failed, non-recoverable error",
        fields: { error: unknown.message },
      },
    ]);
    assert.deepEqual([data.record.bundleDer.length, data.record.chainDer.length], [1, 1]);
  });

  it("waits for the delay, then forgets bundle and SVID and ends, to begin anew at the next start", async () => {
    const { bootstrap, begin, clock, data } = open({ record: trusting });
    bootstrap.unknownWhileServing(unknown);
    await clock.advance(599_999);
    bootstrap.unknownWhileServing(unknown);
    assert.deepEqual([data.record.bundleDer.length, data.record.chainDer.length], [1, 1]);
    await clock.advance(1);
    assert.throws(() => bootstrap.unknownWhileServing(unknown), {
      code: Code.FailedPrecondition,
      reason: "REBOOTSTRAP",
      message: "shutting down for rebootstrapping",
    });
    assert.deepEqual(data.record, {
      chainDer: [],
      bundleDer: [],
      reattestable: false,
      bootstrapUse: "rebootstrap",
      bootstrapStartedAt: clock.now(),
      connectionAttempts: 0,
    });
    assert.deepEqual(begin().bootstrap.begin(), {
      mode: "rebootstrap",
      attempts: 1,
      startedAt: clock.now(),
    });
  });
});
