import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { agentNodeAttestorContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "secret-"));
after(() => rmSync(folder, { recursive: true }));
const secret = "correct horse battery staple";
const secretFile = join(folder, "secret");
writeFileSync(secretFile, `${secret}\n`);
const challenge = randomBytes(32);

agentNodeAttestorContract({
  load: () => loadPlugin(plugin, { config: `agent_name = "a"\nsecret_file = "${secretFile}"` }),
  checkPayload: (payload) => assert.deepEqual(JSON.parse(payload.toString()), { name: "a" }),
  challenge: {
    make: () => challenge,
    checkResponse: (response) =>
      assert.deepEqual(response, createHmac("sha256", secret).update(challenge).update("a").digest()),
  },
});

describe("NodeAttestor __NAME__ of the agent", () => {
  it("says which file it cannot read", async () => {
    await using loaded = await loadPlugin(plugin);
    const missing = join(folder, "missing");
    assert.deepEqual(await loaded.validate(`agent_name = "a"\nsecret_file = "${missing}"`), [
      `secret_file ${missing} cannot be read`,
    ]);
  });
});
