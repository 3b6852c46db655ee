import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { requireResponse } from "./plugin-errors.ts";
import { prefixed, withPluginName } from "./prefixed.ts";

const plugin = { type: "KeyManager", name: "disk" };

describe("withPluginName()", () => {
  const cases: readonly [what: string, message: string, expected: string][] = [
    ["says whose failure it is", "blah", "keymanager(disk): blah"],
    ["says it once", "keymanager(disk): blah", "keymanager(disk): blah"],
    ["leaves out the plugin's own name", "disk: blah", "keymanager(disk): blah"],
    ["keeps a word that only begins so", "disks: blah", "keymanager(disk): disks: blah"],
  ];
  for (const [what, message, expected] of cases)
    it(what, () => {
      assert.equal(withPluginName(plugin, new StatusError(Code.NotFound, "X", message)).message, expected);
    });

  it("keeps what the failure is", () => {
    const details = [{ typeUrl: "type.googleapis.com/x", value: Buffer.of(1) }];
    for (const message of ["blah", "disk: blah"]) {
      const error = new StatusError(Code.NotFound, "X", message, { source: "downstream", details });
      const named = withPluginName(plugin, error);
      assert.deepEqual(
        [named.code, named.reason, named.source, named.details, named.cause],
        [5, "X", "downstream", details, error],
      );
    }
    assert.deepEqual(
      { ...withPluginName(plugin, new Error("odd")), cause: undefined },
      { ...new StatusError(Code.Unknown, "UNKNOWN", ""), cause: undefined },
    );
  });
});

describe("prefixed()", () => {
  it("gives what the call gives, and names the plugin in its failure", async () => {
    assert.equal(await prefixed(plugin, () => Promise.resolve(7)), 7);
    await assert.rejects(
      prefixed(plugin, () => Promise.reject(new Error("blah"))),
      { code: 2, message: "keymanager(disk): blah" },
    );
    await assert.rejects(
      prefixed(plugin, () => {
        throw new Error("at once");
      }),
      { message: "keymanager(disk): at once" },
    );
  });
});

describe("requireResponse()", () => {
  it("gives what is there, be it empty, and refuses what is not", () => {
    for (const value of [0, "", false, null]) assert.equal(requireResponse(value, "missing"), value);
    assert.throws(() => requireResponse(undefined, "plugin response missing agent ID"), {
      code: 13,
      reason: "PLUGIN_RESPONSE",
      message: "plugin response missing agent ID",
    });
  });
});
