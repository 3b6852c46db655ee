import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import { loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

describe('NodeAttestor "join_token" of the agent', () => {
  it("says that the token was forgotten", async () => {
    await using loaded = await loadPlugin(plugin);
    await assert.rejects(Array.fromAsync(loaded.client(NodeAttestor.definition).aidAttestation()), {
      code: Code.InvalidArgument,
      message: "join token was not provided",
    });
  });
});
