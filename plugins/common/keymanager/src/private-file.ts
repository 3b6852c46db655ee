import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Replaces a file with one only its owner can read, at once or not at all, and durably: after the promise resolves, a power
 * cut leaves the new bytes.
 */
export async function atomicWritePrivateFile(path: string, bytes: Buffer): Promise<void> {
  const draft = `${path}.tmp`;
  // Opened before anything is replaced: a folder that cannot be read must not fail a write that has been done.
  await using folder = await open(dirname(path), "r");
  try {
    // A draft left by a crash may carry another mode, which opening it again would keep.
    await rm(draft, { force: true });
    await writeDurably(draft, bytes);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  // A rename lasts when its folder is on the disk, too.
  await folder.sync();
}

async function writeDurably(path: string, bytes: Buffer): Promise<void> {
  await using file = await open(path, "wx", 0o600);
  await file.writeFile(bytes);
  await file.sync();
}
