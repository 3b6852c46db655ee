import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { makeFolders } from "./make-folders.ts";

const root = mkdtempSync(join(tmpdir(), "make-folders-"));
after(() => rmSync(root, { recursive: true }));

describe("makeFolders()", () => {
  it("makes what is not there, and says what it made", () => {
    const path = join(root, "a", "b");
    assert.deepEqual(makeFolders(path), [join(root, "a"), path]);
    assert.ok(statSync(path).isDirectory());
    assert.deepEqual(makeFolders(path), []);
  });

  it("refuses where a file is in the way", () => {
    writeFileSync(join(root, "file"), "");
    assert.throws(() => makeFolders(join(root, "file")), { code: "EEXIST" });
    assert.throws(() => makeFolders(join(root, "file", "below")), { code: "EEXIST" });
  });

  it("ends where the kernel lets nothing be made", () => {
    assert.throws(() => makeFolders("/proc/none/below"), { code: "ENOENT" });
  });
});
