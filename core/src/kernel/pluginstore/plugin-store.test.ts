import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { PackageTree } from "./package-tree.ts";
import { PluginLock } from "./plugin-lock.ts";
import { findStored, openStored, placesOf, readLock } from "./plugin-store.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-store-"));
after(() => rmSync(folder, { recursive: true }));
const uid = process.geteuid?.() ?? 0;
const places = placesOf({ folder, lockFile: "" });
const id = { name: "@vendor/name", version: "1.2.3" };
const tree = PackageTree.of([{ path: "plugin.json", size: 2, sha256: "aa".repeat(32), executable: false }]);
const locked = {
  ...id,
  integrity: `sha512-${"A".repeat(86)}==`,
  treeSha256: tree.sha256,
  provenance: undefined,
};

function writeLock(text: string): void {
  rmSync(places.lockFile, { force: true });
  writeFileSync(places.lockFile, text, { mode: 0o644 });
}

describe("readLock()", () => {
  it("is undefined when there is no file", () => {
    assert.equal(readLock(join(folder, "none.json")), undefined);
  });

  it("says which file is none, and why", () => {
    writeLock("{");
    assert.throws(
      () => readLock(places.lockFile),
      ({ reason, message }: Error & { reason: string }) =>
        reason === "PLUGIN_LOCK" && message.startsWith(`the lock file ${places.lockFile}: it is no JSON: `),
    );
    assert.throws(() => readLock(folder), { reason: "PLUGIN_LOCK", message: /it should be a regular file$/ });
  });

  it("refuses one that others can write, or a folder that they can: it says what may run", () => {
    writeLock(PluginLock.empty.print());
    assert.deepEqual(readLock(places.lockFile, uid), PluginLock.empty);
    for (const [path, what] of [
      [places.lockFile, "it"],
      [folder, `its folder ${folder}`],
    ] as const) {
      chmodSync(path, 0o777);
      assert.throws(() => readLock(places.lockFile, uid), {
        reason: "PLUGIN_LOCK",
        message: `the lock file ${places.lockFile}: ${what} can be written by others than its owner (mode 0777); "chmod go-w" mends it`,
      });
      chmodSync(path, 0o755);
    }
  });

  it("refuses one of somebody else's", { skip: uid !== 0 && "only root can give a file away" }, () => {
    writeLock(PluginLock.empty.print());
    chownSync(places.lockFile, 12_345, 12_345);
    assert.throws(() => readLock(places.lockFile, 0), {
      message: `the lock file ${places.lockFile}: it belongs to uid 12345, who could name any package in it`,
    });
    assert.deepEqual(readLock(places.lockFile, 12_345), PluginLock.empty);
  });
});

describe("findStored()", () => {
  const refuses = (message: string): void => {
    assert.throws(() => findStored(id, places, uid), { code: 9, message });
  };

  it("says what to do about a package that is not locked", () => {
    rmSync(places.lockFile, { force: true });
    refuses(
      `there is no lock file ${places.lockFile}, which would have to name @vendor/name@1.2.3; "finial plugin install @vendor/name@1.2.3" makes one`,
    );
    writeLock(PluginLock.empty.with({ ...locked, version: "1.0.0" }).print());
    refuses(
      `the lock file ${places.lockFile} does not name @vendor/name@1.2.3; of this package it names 1.0.0; "finial plugin install @vendor/name@1.2.3" adds it`,
    );
  });

  it("finds what is locked and in the store, by the list that its digest is of", () => {
    writeLock(PluginLock.empty.with(locked).print());
    refuses(
      `plugin package @vendor/name@1.2.3: it is locked, but not in the store ${folder}; "finial plugin install" fetches what is locked`,
    );
    mkdirSync(join(folder, tree.sha256));
    writeFileSync(join(folder, tree.sha256, "files"), tree.listing);
    assert.deepEqual(findStored(id, places, uid), {
      title: "@vendor/name@1.2.3",
      folder: join(folder, tree.sha256, "package"),
      tree,
    });
    writeFileSync(join(folder, tree.sha256, "files"), tree.listing.replace("aa", "ab"));
    assert.throws(() => openStored(locked, folder), {
      reason: "PLUGIN_PACKAGE",
      message: `plugin package @vendor/name@1.2.3: ${folder}/${tree.sha256}/files, the list of its files, is not what was locked`,
    });
  });
});
