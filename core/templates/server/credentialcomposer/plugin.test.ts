import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CredentialComposer } from "@finial/sdk/server";
import { credentialComposerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

const config = 'organizational_unit = "Sales"';
credentialComposerContract({ load: () => loadPlugin(plugin, { config }) });

describe("CredentialComposer __NAME__", () => {
  it("puts its unit into the subject, and keeps the rest", async () => {
    await using loaded = await loadPlugin(plugin, { config });
    const { attributes } = await loaded.client(CredentialComposer.definition).composeWorkloadX509SVID({
      spiffeId: "spiffe://example.org/db",
      attributes: { subject: { country: ["US"] }, dnsSans: ["db.example.org"] },
    });
    assert.deepEqual(attributes?.subject?.organizationalUnit, ["Sales"]);
    assert.deepEqual(attributes.subject.country, ["US"]);
    assert.deepEqual(attributes.dnsSans, ["db.example.org"]);
  });

  it("refuses a unit that fits no certificate", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual(await loaded.validate(`organizational_unit = "${"x".repeat(65)}"`), [
      "organizational_unit must have 1 to 64 characters",
    ]);
  });
});
