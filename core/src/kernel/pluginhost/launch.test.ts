import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Launch, withFile } from "./launch.ts";

describe("withFile()", () => {
  const launch: Launch = {
    file: "/usr/bin/node",
    args: ["--flag", "/opt/plugin.mjs", "/opt/plugin.mjs.conf"],
    env: {},
    sealed: false,
    lifeline: true,
    baseName: "disk",
    checksum: undefined,
  };

  it("puts another file in the place of an argument, or of the program", () => {
    assert.deepEqual(withFile(launch, "/opt/plugin.mjs", "/copy/plugin.mjs"), {
      ...launch,
      args: ["--flag", "/copy/plugin.mjs", "/opt/plugin.mjs.conf"],
    });
    assert.deepEqual(withFile(launch, "/usr/bin/node", "/copy/node"), { ...launch, file: "/copy/node" });
  });
});
