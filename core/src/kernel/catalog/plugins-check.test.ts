import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { besidesPlugins, pluginsCheck } from "./plugins-check.ts";

const { signal } = new AbortController();
const fails = async (): Promise<void> => {
  throw new Error("bundle not found");
};

describe("pluginsCheck()", () => {
  it("is of readiness alone, and fails as the catalog does", async () => {
    const check = pluginsCheck({ checkPlugins: () => assert.fail("one keeps ending") });
    assert.deepEqual([check.name, check.readinessOnly], ["plugins", true]);
    await assert.rejects(check.check(signal), { message: "one keeps ending" });
  });
});

describe("besidesPlugins()", () => {
  it("passes what fails while a plugin is out of service, and nothing else", async () => {
    await besidesPlugins({ problems: ["one keeps ending"] }, fails)(signal);
    await besidesPlugins({ problems: [] }, async () => {})(signal);
    await assert.rejects(besidesPlugins({ problems: [] }, fails)(signal), { message: "bundle not found" });
  });
});
