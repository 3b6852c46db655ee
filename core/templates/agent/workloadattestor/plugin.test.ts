import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WorkloadAttestor } from "@finial/sdk/agent";
import { loadPlugin, workloadAttestorContract } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

workloadAttestorContract({
  load: () => loadPlugin(plugin, { config: "" }),
  startWorkload: async () => ({
    pid: process.pid,
    selectorValues: [`uid:${process.geteuid?.()}`, `gid:${process.getegid?.()}`],
    [Symbol.asyncDispose]: async () => {},
  }),
});

describe("WorkloadAttestor __NAME__", () => {
  it("leaves the group out where it is told to", async () => {
    await using loaded = await loadPlugin(plugin, { config: "with_group = false" });
    const { selectorValues } = await loaded.client(WorkloadAttestor.definition).attest({ pid: process.pid });
    assert.deepEqual(selectorValues, [`uid:${process.geteuid?.()}`]);
  });
});
