import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseCertificatesPem } from "@finial/sdk/crypto";
import { loadPlugin, svidStoreContract } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { svidFile } from "./svid-file.ts";

const folder = mkdtempSync(join(tmpdir(), "store-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "db.pem");

svidStoreContract({
  metadata: ["name:db"],
  load: async () => ({
    plugin: await loadPlugin(plugin, { config: `directory = "${folder}"` }),
    findChain: async () => {
      if (!existsSync(file)) return undefined;
      const certificates = readFileSync(file, "utf8").replace(
        /-----BEGIN PRIVATE KEY[\s\S]*?END PRIVATE KEY-----\n/,
        "",
      );
      // The bundle's one certificate comes last.
      return parseCertificatesPem(certificates).slice(0, -1);
    },
  }),
});

describe("svidFile()", () => {
  it("lets no entry out of the directory", () => {
    assert.equal(svidFile("/store", ["name:web"]), "/store/web.pem");
    for (const metadata of [["name:../web"], ["name:a/b"], ["name:"], ["name:a", "name:b"], ["nam:web"]])
      assert.throws(() => svidFile("/store", metadata), { reason: "METADATA" });
  });
});
