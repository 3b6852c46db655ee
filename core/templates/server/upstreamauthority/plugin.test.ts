import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { toPem } from "@finial/sdk/crypto";
import { loadPlugin, testCa, upstreamAuthorityContract } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "root-"));
after(() => rmSync(folder, { recursive: true }));
const [root, other] = [await testCa(), await testCa()];
writeFileSync(join(folder, "root.pem"), root.rootPem);
for (const [name, { privateKey }] of [["root", root] as const, ["other", other] as const])
  writeFileSync(
    join(folder, `${name}.key`),
    toPem("PRIVATE KEY", privateKey.export({ format: "der", type: "pkcs8" })),
  );
const configOf = (key: string): string =>
  `cert_file = "${join(folder, "root.pem")}"\nkey_file = "${join(folder, key)}"`;

upstreamAuthorityContract({ load: () => loadPlugin(plugin, { config: configOf("root.key") }) });

describe("UpstreamAuthority __NAME__", () => {
  it("refuses a key that is not the certificate's", async () => {
    await using loaded = await loadPlugin(plugin);
    const [note = ""] = await loaded.validate(configOf("other.key"));
    assert.match(note, /other\.key is not the key of .*root\.pem$/);
  });
});
