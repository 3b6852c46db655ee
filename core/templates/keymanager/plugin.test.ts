import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { KeyManager, KeyType } from "@finial/sdk/server";
import { keyManagerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

keyManagerContract({ side: "server", load: () => loadPlugin(plugin, { config: "" }) });

describe("KeyManager __NAME__", () => {
  it("keeps no more keys than it may", async () => {
    await using loaded = await loadPlugin(plugin, { config: "max_keys = 1" });
    const client = loaded.client(KeyManager.definition);
    await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
    await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
    await assert.rejects(client.generateKey({ keyId: "b", keyType: KeyType.EC_P256 }), {
      code: Code.ResourceExhausted,
    });
  });

  it("refuses to keep none", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual(await loaded.validate("max_keys = 0"), ["max_keys must be at least 1"]);
  });
});
