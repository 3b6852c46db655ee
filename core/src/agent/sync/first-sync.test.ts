import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import { permissionDenied } from "../../kernel/convert/permission-denied.ts";
import { firstSync } from "./first-sync.ts";

const away = new StatusError(Code.Unavailable, "X", "server is away");
const unknown = new StatusError(Code.Unavailable, "X", "x509: certificate signed by unknown authority");
const denial = permissionDenied("AGENT_EXPIRED", "agent is expired");

/** Syncs with outcomes one after the other, the last for ever. */
function open(outcomes: readonly (StatusError | undefined)[], patienceMs = 60_000) {
  const clock = new FakeClock();
  const logger = captureLog();
  const stop = new AbortController();
  const events: string[] = [];
  const answers = {
    onDenied: async (_: StatusError): Promise<void> => {},
    onUnknownAuthority: (_: StatusError): void => {},
  };
  let count = 0;
  const syncing = firstSync({
    sync: async () => {
      const outcome = outcomes[Math.min(count++, outcomes.length - 1)];
      if (outcome !== undefined) throw outcome;
    },
    onDenied: async (error) => {
      events.push("denied");
      await answers.onDenied(error);
    },
    onUnknownAuthority: (error) => {
      events.push("unknown authority");
      answers.onUnknownAuthority(error);
    },
    patienceMs,
    clock,
    logger,
    random: () => 0.5,
    signal: stop.signal,
  });
  return { answers, clock, count: () => count, events, logger, stop, syncing };
}

describe("firstSync()", () => {
  it("syncs once when all is well", async () => {
    const { count, syncing } = open([undefined]);
    await syncing;
    assert.equal(count(), 1);
  });

  it("tries again, with a warning, at waits that grow", async () => {
    const { clock, count, logger, syncing } = open([away, away, undefined]);
    await clock.advance(0);
    await clock.advance(4_999);
    assert.equal(count(), 1);
    await clock.advance(1);
    assert.equal(count(), 2);
    await clock.advance(7_500);
    await syncing;
    assert.deepEqual(
      logger.lines,
      ["5.000s", "7.500s"].map((interval) => ({
        level: "warn",
        message: "Failed to initialize manager",
        fields: { error: "server is away", retry_interval: interval },
      })),
    );
  });

  for (const { patienceMs, tries } of [
    { patienceMs: 60_000, tries: 5 },
    { patienceMs: 600_000, tries: 11 },
  ])
    it(`gives up with the last failure when ${patienceMs / 1000} seconds are over`, async () => {
      const { clock, count, syncing } = open([away], patienceMs);
      const ended = assert.rejects(syncing, away);
      await clock.advance(0);
      await clock.advance(patienceMs);
      await ended;
      assert.equal(count(), tries);
    });

  it("does at once what can be done about a denial, and tries again", async () => {
    const { count, events, logger, syncing } = open([denial, undefined]);
    await syncing;
    assert.deepEqual([count(), events, logger.lines], [2, ["denied"], []]);
  });

  it("ends when nothing can be done about a denial", async () => {
    const opened = open([away, denial]);
    opened.answers.onDenied = async (error) => {
      throw error;
    };
    const ended = assert.rejects(opened.syncing, denial);
    await opened.clock.advance(0);
    await opened.clock.advance(5_000);
    await ended;
  });

  it("asks about an unknown authority, and goes on", async () => {
    const { clock, events, syncing } = open([unknown, undefined]);
    await clock.advance(0);
    await clock.advance(5_000);
    await syncing;
    assert.deepEqual(events, ["unknown authority"]);
  });

  it("ends when there is to be a new beginning", async () => {
    const opened = open([away, unknown]);
    const end = new StatusError(Code.FailedPrecondition, "REBOOTSTRAP", "shutting down for rebootstrapping");
    opened.answers.onUnknownAuthority = () => {
      throw end;
    };
    const ended = assert.rejects(opened.syncing, end);
    await opened.clock.advance(0);
    await opened.clock.advance(5_000);
    await ended;
  });

  it("stops when it is told to", async () => {
    const { clock, stop, syncing } = open([away]);
    await clock.advance(0);
    stop.abort();
    await assert.rejects(syncing, { name: "AbortError" });
  });
});
