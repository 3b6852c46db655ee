import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { loadConfigText } from "./load.ts";

describe("loadConfigText()", () => {
  const folder = mkdtempSync(join(tmpdir(), "finial-config-"));
  after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "server.conf");
  writeFileSync(path, 'trust_domain = "$NAME"');

  it("leaves the text as it is without an environment", () => {
    assert.equal(loadConfigText(path), 'trust_domain = "$NAME"');
  });

  it("puts variables in their places with one", () => {
    assert.equal(loadConfigText(path, { NAME: "example.org" }), 'trust_domain = "example.org"');
  });

  it("names the file that is not there", () => {
    const missing = join(folder, "none.conf");
    assert.throws(() => loadConfigText(missing), {
      reason: "CONFIG_MISSING",
      message: `could not find config file ${missing}: please use the -config flag`,
    });
  });

  it("says why a file cannot be read", () => {
    assert.throws(() => loadConfigText(folder), { reason: "CONFIG_UNREADABLE", message: /EISDIR/ });
  });
});
