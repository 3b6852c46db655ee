import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseConfig } from "./config.ts";

describe("parseConfig()", () => {
  it("reads directory", () => {
    assert.deepEqual(parseConfig('directory = "/d"'), { directory: "/d" });
  });

  it("wants directory, and names what it does not know", () => {
    assert.throws(() => parseConfig(""), {
      code: Code.InvalidArgument,
      message: "directory must be configured",
    });
    assert.throws(() => parseConfig('directry = "/d"'), { message: /directry.*directory/s });
  });
});
