import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { LockedPackage, PluginLock } from "../../../kernel/pluginstore/plugin-lock.ts";
import { openStored, packageFolder } from "../../../kernel/pluginstore/plugin-store.ts";
import { findDamage } from "../../../kernel/pluginstore/verified-tree.ts";
import type { UnpackedPackage } from "./unpack.ts";

/** What begins so was left by an installation that did not come to its end. */
const unfinished = ".new-";

/** Puts a package's files into the store: all of them, or none. One that is there and damaged is replaced. */
export function storePackage(store: string, { tree, contents }: UnpackedPackage): void {
  mkdirSync(store, { recursive: true, mode: 0o755 });
  const staging = mkdtempSync(join(store, unfinished));
  try {
    chmodSync(staging, 0o755);
    for (const { path, executable } of tree.files)
      writeNew(
        join(staging, "package", path),
        contents.get(path) ?? Buffer.alloc(0),
        executable ? 0o555 : 0o444,
      );
    writeNew(join(staging, "files"), Buffer.from(tree.listing), 0o444);
    const folder = packageFolder(store, tree.sha256);
    if (existsSync(folder)) renameSync(folder, join(staging, "replaced"));
    renameSync(staging, folder);
    rmSync(join(folder, "replaced"), { recursive: true, force: true });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** All that is wrong with a locked package; empty when it can run. */
export async function damageOf(locked: LockedPackage, store: string): Promise<readonly string[]> {
  let stored: ReturnType<typeof openStored>;
  try {
    stored = openStored(locked, store);
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  return await findDamage(stored);
}

/** Removes what the lock does not name, and what an interrupted installation left. @returns the names of what is gone. */
export function removeUnlocked(store: string, lock: PluginLock): readonly string[] {
  const named = new Set(lock.packages.map(({ treeSha256 }) => treeSha256));
  const gone = (existsSync(store) ? readdirSync(store) : []).filter(
    (name) => name.startsWith(unfinished) || (/^[0-9a-f]{64}$/.test(name) && !named.has(name)),
  );
  for (const name of gone) rmSync(join(store, name), { recursive: true, force: true });
  return gone;
}

/** Replaces the lock file: whoever reads it finds the old one or the new. */
export function writeLock(lockFile: string, lock: PluginLock): void {
  mkdirSync(dirname(lockFile), { recursive: true, mode: 0o755 });
  const beside = `${lockFile}.new-${process.pid}`;
  try {
    writeSynced(beside, Buffer.from(lock.print()), 0o644);
    renameSync(beside, lockFile);
  } finally {
    rmSync(beside, { force: true });
  }
}

function writeNew(path: string, bytes: Buffer, mode: number): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  writeSynced(path, bytes, mode);
}

function writeSynced(path: string, bytes: Buffer, mode: number): void {
  const descriptor = openSync(path, "wx", 0o600);
  try {
    writeFileSync(descriptor, bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  // Whatever the umask of whoever installs: the daemons run as other users.
  chmodSync(path, mode);
}
