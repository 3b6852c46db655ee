import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallContext } from "@finial/sdk/internal";
import { FakeClock } from "@finial/sdk/testing";
import { healthHandlers } from "./health-service.ts";

const serving = { status: 1 };
const notServing = { status: 2 };

function contextOf(signal: AbortSignal): CallContext {
  return { signal, metadata: { get: () => [] }, peer: "", method: "", values: new Map() };
}

describe("healthHandlers()", () => {
  it("answers for the daemon as a whole", async () => {
    let problem: Error | undefined;
    const check = async (): Promise<void> => {
      if (problem !== undefined) throw problem;
    };
    const handlers = healthHandlers(check, new FakeClock());
    const context = contextOf(new AbortController().signal);
    assert.deepEqual(await handlers.check({ service: "" }, context), serving);
    problem = new Error("no bundle");
    assert.deepEqual(await handlers.check({ service: "" }, context), notServing);
  });

  it("knows no services by name", async () => {
    const handlers = healthHandlers(() => Promise.resolve(), new FakeClock());
    const context = contextOf(new AbortController().signal);
    const refusal = {
      code: 3,
      reason: "HEALTH_SERVICE_NAME",
      message: "per-service health is not supported: leave the service name empty",
    };
    await assert.rejects(async () => handlers.check({ service: "plugin" }, context), refusal);
    await assert.rejects(
      Array.fromAsync(handlers.watch({ service: "spire.api.server.entry.v1.Entry" }, context)),
      refusal,
    );
  });

  it("tells watchers of each change until they leave", async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    let isWell = true;
    const check = async (): Promise<void> => {
      if (!isWell) throw new Error("no bundle");
    };
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const response of healthHandlers(check, clock).watch(
        { service: "" },
        contextOf(stop.signal),
      ))
        seen.push(response);
    })();
    const ended = assert.rejects(watching, { name: "AbortError" });
    await clock.advance(2000);
    assert.deepEqual(seen, [serving]);
    isWell = false;
    await clock.advance(2000);
    assert.deepEqual(seen, [serving, notServing]);
    isWell = true;
    await clock.advance(1000);
    assert.deepEqual(seen, [serving, notServing, serving]);
    stop.abort();
    await ended;
    assert.equal(clock.sleeping, 0);
  });
});
