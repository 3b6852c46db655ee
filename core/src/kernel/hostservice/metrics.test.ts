import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CallContext } from "@finial/sdk/internal";
import type { Metrics } from "../telemetry/metrics.ts";
import { metricsService } from "./metrics.ts";

/** What was measured, a call each. */
function makeMetrics(): Metrics & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    calls,
    setGauge: (...rest) => calls.push(["gauge", ...rest]),
    incrementCounter: (...rest) => calls.push(["counter", ...rest]),
    addSample: (...rest) => calls.push(["sample", ...rest]),
    measureSince: (...rest) => calls.push(["since", ...rest]),
  };
}

const context: CallContext = {
  signal: new AbortController().signal,
  metadata: { get: () => [] },
  peer: "",
  method: "",
  values: new Map(),
};
const own = [
  { name: "plugin_type", value: "KeyManager" },
  { name: "plugin_name", value: "disk" },
];
const key = ["km", "sign"];

function handlersOf(metrics: Metrics) {
  const handlers = metricsService(metrics).handlersFor({ type: "KeyManager", name: "disk" });
  return handlers as Required<typeof handlers>;
}

describe("metricsService()", () => {
  it("hands on what a plugin measures, labelled with where it comes from", async () => {
    const metrics = makeMetrics();
    const handlers = handlersOf(metrics);
    const labels = [{ name: "key_type", value: "ec-p256" }];
    const answers = [
      await handlers.setGauge({ key, val: 1.5, labels }, context),
      await handlers.emitKey({ key, val: 2 }, context),
      await handlers.incrCounter({ key, val: 3, labels: [] }, context),
      await handlers.addSample({ key, val: 4, labels }, context),
    ];
    assert.deepEqual(answers, [{}, {}, {}, {}]);
    assert.deepEqual(metrics.calls, [
      ["gauge", key, 1.5, [...own, ...labels]],
      ["gauge", key, 2, own],
      ["counter", key, 3, own],
      ["sample", key, 4, [...own, ...labels]],
    ]);
  });

  it("reads nanoseconds, beyond what a number holds", async () => {
    const metrics = makeMetrics();
    const handlers = handlersOf(metrics);
    const cases = [
      ["1767225600123456789", "2026-01-01T00:00:00.123Z"],
      ["0", "1970-01-01T00:00:00.000Z"],
      ["9223372036854775807", "2262-04-11T23:47:16.854Z"],
      ["-9223372036854775808", "1677-09-21T00:12:43.146Z"],
    ] as const;
    for (const [time, instant] of cases) {
      await handlers.measureSince({ key, time, labels: [] }, context);
      assert.deepEqual(metrics.calls.at(-1), ["since", key, new Date(instant), own]);
    }
  });

  it("does not let a plugin measure in another's name", async () => {
    const metrics = makeMetrics();
    const labels = [
      { name: "plugin_name", value: "other" },
      { name: "a", value: "b" },
      { name: "plugin_type", value: "core" },
    ];
    const handlers = handlersOf(metrics);
    await handlers.setGauge({ key, val: 1, labels }, context);
    await handlers.incrCounter({ key, val: 1, labels }, context);
    await handlers.addSample({ key, val: 1, labels }, context);
    await handlers.measureSince({ key, time: "0", labels }, context);
    for (const call of metrics.calls as unknown[][])
      assert.deepEqual(call.at(-1), [...own, { name: "a", value: "b" }]);
    assert.equal(metrics.calls.length, 4);
  });
});
