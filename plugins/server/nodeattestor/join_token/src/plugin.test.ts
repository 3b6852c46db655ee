import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/server";
import { loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

describe('NodeAttestor "join_token" of the server', () => {
  it("leaves tokens to the server", async () => {
    await using loaded = await loadPlugin(plugin, { config: "" });
    await assert.rejects(Array.fromAsync(loaded.client(NodeAttestor.definition).attest()), {
      code: Code.Unimplemented,
      message: "join token attestation is currently implemented within the server",
    });
  });

  it("takes no key", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual(await loaded.validate(""), []);
    const notes = ['plugin_data:1:1: unknown key "token"; there are none'];
    assert.deepEqual(await loaded.validate('token = "x"'), notes);
    await assert.rejects(loaded.configure('token = "x"'), {
      code: Code.InvalidArgument,
      message: notes.join(),
    });
  });
});
