import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { StatusError } from "@finial/sdk";
import { decodeConfig, int, printed } from "@finial/sdk/hcl";
import { atOrigin } from "./config-origin.ts";

const source = `plugins {
  KeyManager "disk" {
    plugin_data {
      # Comments and empty lines are not handed on.

      keys_path = "k.json", count = "many"
      nested "a" {
        list = [1, "two"]
        cuont = 1
      }
    }
  }
}
`;

/** The text a plugin is given, and where it comes from. */
function printedFrom(text: string) {
  const data = decodeConfig(text.slice(text.indexOf("plugin_data")).replace(/\}\s*\}\s*$/, ""), {
    plugin_data: printed(),
  }).plugin_data;
  assert.ok(data);
  return data;
}

describe("atOrigin()", () => {
  it("puts what a plugin says of its text where the operator wrote it", () => {
    const { text, places } = printedFrom(source);
    const read = (): unknown =>
      decodeConfig(text, { keys_path: int(), count: int(), nested: printed() }, { filename: "plugin_data" });
    let message = "";
    assert.throws(read, (error) => {
      message = StatusError.from(error).message;
      return true;
    });
    assert.equal(
      atOrigin(message, { file: "server.conf", places }),
      [
        'server.conf:4:19: keys_path takes a whole number, not "k.json"',
        'server.conf:4:37: count takes a whole number, not "many"',
      ].join("\n"),
    );
  });

  const { places } = printedFrom(source);
  const cases: readonly [what: string, place: string, told: string][] = [
    ["a nested key", "plugin_data:5:3: x", "server.conf:7:9: x"],
    ["an item of a list", "plugin_data:4:14: x", "server.conf:6:20: x"],
    ["the middle of a value", "plugin_data:1:17: x", "server.conf:4:19: x"],
    ["the end of a block", "plugin_data:6:1: x", "server.conf:7:17: x"],
    ["no place at all", "keys_path must be set", "keys_path must be set"],
    ["a place in the middle of a line", "see plugin_data:1:1: x", "see plugin_data:1:1: x"],
  ];
  for (const [what, message, told] of cases)
    it(`leads to ${what}`, () => assert.equal(atOrigin(message, { file: "server.conf", places }), told));

  it("keeps the places of a file that is handed over as it is", () => {
    assert.equal(atOrigin("plugin_data:3:4: x", { file: "disk.conf" }), "disk.conf:3:4: x");
  });

  it("says no place of an empty text, and nothing where the origin is not known", () => {
    assert.equal(atOrigin("plugin_data:1:1: x", { file: "server.conf", places: [] }), "server.conf: x");
    assert.equal(atOrigin("plugin_data:1:1: x", undefined), "plugin_data:1:1: x");
  });
});
