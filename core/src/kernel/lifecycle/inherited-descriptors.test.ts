import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";

const module = join(import.meta.dirname, "inherited-descriptors.ts");
/** Says which descriptors a process that it starts has, before and after. */
const script = `
import { spawnSync } from "node:child_process";
import { keepInheritedDescriptors } from ${JSON.stringify(module)};
const inChild = () => spawnSync("/bin/sh", ["-c", "ls /proc/$$/fd"], { encoding: "utf8" }).stdout.trim().split("\\n");
const before = inChild();
keepInheritedDescriptors();
console.log(JSON.stringify({ before, after: inChild() }));
`;

describe("keepInheritedDescriptors()", () => {
  it("hands on nothing but standard input, output and error", () => {
    const file = openSync(import.meta.filename, "r");
    const gap = Array(60 - 3).fill("ignore");
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ["--conditions=source", "--input-type=module", "--eval", script],
      { stdio: ["ignore", "pipe", "pipe", ...gap, file], encoding: "utf8" },
    );
    closeSync(file);
    assert.equal(stderr, "");
    const { before, after } = JSON.parse(stdout);
    assert.ok(before.includes("60"), `Node handed on ${before}`);
    assert.deepEqual(after, ["0", "1", "2"]);
  });
});
