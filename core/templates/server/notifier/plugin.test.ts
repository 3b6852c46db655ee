import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Notifier } from "@finial/sdk/server";
import { loadPlugin, notifierContract, testCa } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "bundle-"));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, "bundle.pem");
const config = `path = "${path}"`;

notifierContract({ load: () => loadPlugin(plugin, { config }) });

describe("Notifier __NAME__", () => {
  it("writes each bundle it is told of", async () => {
    await using loaded = await loadPlugin(plugin, { config });
    for (const ca of [await testCa(), await testCa()]) {
      const bundle = { trustDomain: "example.org", x509Authorities: [{ asn1: ca.rootDer }] };
      await loaded
        .client(Notifier.definition)
        .notify({ event: { $case: "bundleUpdated", value: { bundle } } });
      assert.equal(readFileSync(path, "utf8"), ca.rootPem);
    }
  });

  it("takes no path of its own folder", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual(await loaded.validate('path = "bundle.pem"'), ["path must be absolute"]);
  });
});
