import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { makeDataDir } from "./data-dir.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-data-"));
after(() => rmSync(folder, { recursive: true }));

describe("makeDataDir()", () => {
  it("makes it with those above it, and leaves one alone that is there", () => {
    const path = join(folder, "a", "b");
    makeDataDir(path);
    writeFileSync(join(path, "keys.json"), "{}");
    makeDataDir(path);
    assert.ok(statSync(join(path, "keys.json")).isFile());
  });

  it("says why it cannot be made", () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    assert.throws(() => makeDataDir(file), {
      code: 9,
      reason: "DATA_DIR",
      message: `cannot make the data directory: EEXIST: file already exists, mkdir '${file}'`,
    });
  });
});
