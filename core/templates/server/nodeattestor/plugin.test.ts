import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { loadPlugin, serverNodeAttestorContract } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { prove } from "./proof.ts";

const folder = mkdtempSync(join(tmpdir(), "secret-"));
after(() => rmSync(folder, { recursive: true }));
const secret = "correct horse battery staple";
const secretFile = join(folder, "secret");
writeFileSync(secretFile, `${secret}\n`);
let agents = 0;

serverNodeAttestorContract({
  load: () => loadPlugin(plugin, { config: `secret_file = "${secretFile}"` }),
  makeAgent: async () => {
    const name = `agent-${++agents}`;
    return {
      payload: Buffer.from(JSON.stringify({ name })),
      respond: (challenge) => prove(Buffer.from(secret), challenge, name),
    };
  },
});

describe("NodeAttestor __NAME__", () => {
  it("says what is wrong with its secret", async () => {
    await using loaded = await loadPlugin(plugin);
    writeFileSync(join(folder, "short"), "secret");
    const cases = [
      ["missing", "secret_file FOLDER/missing cannot be read"],
      ["short", "the secret in FOLDER/short must have at least 16 bytes"],
    ] as const;
    for (const [name, sentence] of cases)
      assert.deepEqual(await loaded.validate(`secret_file = "${join(folder, name)}"`), [
        sentence.replace("FOLDER", folder),
      ]);
  });
});
