import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, describe, it } from "node:test";
import { hashConfigText, readConfigText } from "./config-source.ts";
import type { PluginBlock } from "./plugin-block.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-config-"));
after(() => rmSync(folder, { recursive: true }));

const block: PluginBlock = { type: "KeyManager", name: "disk", pluginArgs: [], enabled: true };

describe("readConfigText()", () => {
  it("is the text given, or none", async () => {
    assert.equal(await readConfigText({ ...block, configText: "a = 1\n" }), "a = 1\n");
    assert.equal(await readConfigText(block), "");
  });

  it("is the file as it is now, named from where the daemon runs", async () => {
    const file = join(folder, "disk.conf");
    const pluginDataFile = relative(process.cwd(), file);
    for (const text of ["a = 1 # ö", '{"a": 2}\n']) {
      writeFileSync(file, text);
      assert.equal(await readConfigText({ ...block, pluginDataFile }), text);
    }
  });

  it("says which file cannot be read", async () => {
    const pluginDataFile = join(folder, "none");
    await assert.rejects(readConfigText({ ...block, pluginDataFile }), {
      code: 9,
      reason: "PLUGIN_DATA_FILE",
      message: `failed to load plugin data: ENOENT: no such file or directory, open '${pluginDataFile}'`,
    });
  });
});

describe("hashConfigText()", () => {
  it("is SPIRE's: the first half of SHA-512's first half", () => {
    assert.equal(hashConfigText(""), "cf83e1357eefb8bdf1542850d66d8007");
    assert.equal(hashConfigText("abc"), "ddaf35a193617abacc417349ae204131");
  });
});
