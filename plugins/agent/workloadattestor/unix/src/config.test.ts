import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseConfig } from "./config.ts";

describe("parseConfig()", () => {
  it("reads both keys, and does without them", () => {
    for (const [text, discoverWorkloadPath, workloadSizeLimitBytes] of [
      ["", false, 0],
      ["discover_workload_path = true", true, 0],
      ["discover_workload_path = true\nworkload_size_limit = 1024", true, 1024],
      ["workload_size_limit = -1", false, -1],
    ] as const)
      assert.deepEqual(parseConfig(text), { discoverWorkloadPath, workloadSizeLimitBytes });
  });

  it("names what it does not know", () => {
    assert.throws(() => parseConfig("discover_workload_pth = true"), {
      code: Code.InvalidArgument,
      message: 'plugin_data:1:1: unknown key "discover_workload_pth"; did you mean "discover_workload_path"?',
    });
  });
});
