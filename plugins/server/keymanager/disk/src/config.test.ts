import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseConfig } from "./config.ts";

describe("parseConfig()", () => {
  it("reads keys_path", () => {
    assert.deepEqual(parseConfig('keys_path = "/k.json"'), { keysPath: "/k.json" });
  });

  it("wants keys_path, and names what it does not know", () => {
    assert.throws(() => parseConfig(""), { code: Code.InvalidArgument, message: "keys_path is required" });
    assert.throws(() => parseConfig('key_path = "/k.json"'), { message: /key_path.*keys_path/s });
  });
});
