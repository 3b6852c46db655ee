import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { toPem } from "@finial/sdk/crypto";
import { bundlePublisherContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "bundle-"));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, "bundle.pem");

bundlePublisherContract({
  load: async () => ({
    plugin: await loadPlugin(plugin, { config: `path = "${path}"` }),
    isPublished: async ({ x509Authorities }) =>
      readFileSync(path, "utf8") ===
      x509Authorities.map(({ certificateDer }) => toPem("CERTIFICATE", certificateDer)).join(""),
  }),
});

describe("BundlePublisher __NAME__", () => {
  it("takes no path of its own folder", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual(await loaded.validate('path = "bundle.pem"'), ["path must be absolute"]);
  });
});
