import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { PackageTree, sha256Of } from "./package-tree.ts";
import type { StoredPackage } from "./plugin-store.ts";
import { findDamage, VerifiedTree } from "./verified-tree.ts";

const scratch = mkdtempSync(join(tmpdir(), "finial-tree-"));
const parent = join(scratch, "private");
mkdirSync(parent);
after(() => rmSync(scratch, { recursive: true }));

const contents: Readonly<Record<string, string>> = {
  "plugin.json": "{}",
  "dist/plugin.mjs": "// runs",
  "dist/deep/data.bin": "\u0000\u0001",
  empty: "",
};

/** A package in a folder of its own, as it is installed. */
function store(files: Readonly<Record<string, string>> = contents): StoredPackage {
  const folder = mkdtempSync(join(scratch, "package-"));
  const tree = PackageTree.of(
    Object.entries(files).map(([path, text]) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      const executable = path.endsWith(".mjs");
      writeFileSync(join(folder, path), text, { mode: executable ? 0o755 : 0o644 });
      return { path, size: Buffer.byteLength(text), sha256: sha256Of(text), executable };
    }),
  );
  return { title: "@vendor/name@1.2.3", folder, tree };
}

describe("VerifiedTree", () => {
  it("is a private copy of each byte, and stays so whatever becomes of the store", async () => {
    const stored = store();
    const tree = await VerifiedTree.make(stored, { parent });
    rmSync(stored.folder, { recursive: true });
    for (const [path, text] of Object.entries(contents)) {
      assert.equal(readFileSync(join(tree.folder, path), "utf8"), text);
      const mode = path.endsWith(".mjs") ? 0o500 : 0o400;
      assert.equal(statSync(join(tree.folder, path)).mode & 0o777, mode);
    }
    assert.equal(statSync(tree.folder).mode & 0o777, 0o700);
    tree[Symbol.dispose]();
    assert.deepEqual(readdirSync(parent), []);
  });

  const damages: readonly (readonly [
    what: string,
    path: string,
    damage: (path: string) => void,
    why: string,
  ])[] = [
    [
      "another byte",
      "dist/plugin.mjs",
      (path) => writeFileSync(path, "// ruins"),
      "it has 8 bytes instead of 7",
    ],
    [
      "a flipped byte",
      "dist/deep/data.bin",
      (path) => writeFileSync(path, "\u0000\u0000"),
      "its bytes are not those that were locked",
    ],
    ["a missing file", "empty", (path) => rmSync(path), "it is missing"],
    [
      "a missing folder",
      "dist/deep/data.bin",
      (path) => rmSync(dirname(path), { recursive: true }),
      "it is missing",
    ],
    [
      "a file that became executable",
      "plugin.json",
      (path) => chmodSync(path, 0o744),
      "its mode is 0744, and it should not be executable",
    ],
    [
      "one that is no longer",
      "dist/plugin.mjs",
      (path) => chmodSync(path, 0o644),
      "its mode is 0644, and it should be executable",
    ],
    [
      "a file that others can write",
      "plugin.json",
      (path) => chmodSync(path, 0o646),
      "its mode is 0646: it can be written by others, or gives rights away",
    ],
    [
      "a file that runs as its owner",
      "dist/plugin.mjs",
      (path) => chmodSync(path, 0o4755),
      "its mode is 4755: it can be written by others, or gives rights away",
    ],
    [
      "a link to the right bytes",
      "plugin.json",
      (path) => {
        writeFileSync(join(scratch, "right"), "{}");
        rmSync(path);
        symlinkSync(join(scratch, "right"), path);
      },
      "it is a link",
    ],
    [
      "a pipe that nobody writes to",
      "plugin.json",
      (path) => {
        rmSync(path);
        assert.equal(spawnSync("mkfifo", [path]).status, 0);
      },
      "it is no regular file",
    ],
  ];
  for (const [what, file, damage, why] of damages)
    it(`refuses ${what}, and names the file`, async () => {
      const stored = store();
      const path = join(stored.folder, file);
      damage(path);
      const sentence = `${path} is not what was locked: ${why}`;
      await assert.rejects(VerifiedTree.make(stored, { parent }), {
        code: 9,
        reason: "PLUGIN_PACKAGE",
        message: `plugin package @vendor/name@1.2.3: ${sentence}`,
      });
      assert.deepEqual(await findDamage(stored), [sentence]);
      assert.deepEqual(readdirSync(parent), [], "nothing is left of a copy that was not made");
    });

  it("refuses what is in the folder and in no list, links to folders, too", async () => {
    const stored = store();
    writeFileSync(join(stored.folder, "dist/more.mjs"), "");
    symlinkSync("dist", join(stored.folder, "other"));
    const sentences = ["dist/more.mjs", "other"].map(
      (path) => `${join(stored.folder, path)} is no file of the package that was locked`,
    );
    assert.deepEqual(await findDamage(stored), sentences);
    await assert.rejects(VerifiedTree.make(stored, { parent }), {
      message: `plugin package @vendor/name@1.2.3: ${sentences[0]}`,
    });
  });

  it("is what was verified, or is not made, when files are swapped meanwhile", async () => {
    const good = "g".repeat(1 << 18);
    const evil = "e".repeat(1 << 18);
    const stored = store({ "a.mjs": good, "b.mjs": good });
    const paths = ["a.mjs", "b.mjs"].map((name) => join(stored.folder, name));
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      const [first, second] = round % 2 === 0 ? [good, evil] : [evil, good];
      for (const path of paths) writeFileSync(path, first);
      const settled = Promise.allSettled([VerifiedTree.make(stored, { parent })]);
      for (let turn = 0; turn < round / 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      for (const path of paths) writeFileSync(path, second);
      const [result] = await settled;
      if (result.status === "fulfilled") {
        using tree = result.value;
        for (const name of ["a.mjs", "b.mjs"])
          assert.ok(readFileSync(join(tree.folder, name), "utf8") === good);
      } else refused++;
    }
    assert.ok(refused > 0, "no swap came in between: the test shows nothing");
  });
});
