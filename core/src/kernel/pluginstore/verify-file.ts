import { constants } from "node:fs";
import { type FileHandle, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { foldersOf, type PackageFile, type PackageTree, sha256Of } from "./package-tree.ts";

/** Of a mode: what would let others in, or give rights away. */
const unwantedBits = 0o7022;

/**
 * Reads a file that has to be what a list says of it.
 *
 * @returns its bytes: what becomes of the file afterwards does not matter to who uses these.
 * @throws {Error} with what is wrong with it, for a sentence that names the file.
 */
export async function readVerified(folder: string, file: PackageFile): Promise<Buffer> {
  let handle: FileHandle;
  try {
    // Not through a link, and not waiting for whoever has the other end of a pipe.
    handle = await open(
      join(folder, file.path),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
  } catch (error) {
    throw new Error(cannotBeRead(error), { cause: error });
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error("it is no regular file");
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
    if ((stats.mode & unwantedBits) !== 0)
      throw new Error(`its mode is ${mode}: it can be written by others, or gives rights away`);
    if (((stats.mode & 0o100) !== 0) !== file.executable)
      throw new Error(`its mode is ${mode}, and it should ${file.executable ? "" : "not "}be executable`);
    if (stats.size !== file.size) throw new Error(`it has ${stats.size} bytes instead of ${file.size}`);
    const bytes = Buffer.alloc(file.size);
    for (let length = 0; length < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) throw new Error("it became shorter while it was read");
      length += bytesRead;
    }
    if (sha256Of(bytes) !== file.sha256) throw new Error("its bytes are not those that were locked");
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Paths of what is in a package's folder and in no list; the folder itself, as "", when it cannot be read. */
export async function findUnlisted(folder: string, { files }: PackageTree): Promise<readonly string[]> {
  const listed = new Set(files.map(({ path }) => path));
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  const unlisted: string[] = [];
  const pending = [""];
  for (let inside = pending.pop(); inside !== undefined; inside = pending.pop()) {
    const entries = await readdir(join(folder, inside), { withFileTypes: true }).catch(() => undefined);
    // A listed file of it will be missed, too; but an empty package has none.
    if (entries === undefined) unlisted.push(inside);
    for (const entry of entries ?? []) {
      const path = inside === "" ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory() && folders.has(path)) pending.push(path);
      else if (!listed.has(path)) unlisted.push(path);
    }
  }
  return unlisted.sort();
}

function cannotBeRead(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT" || code === "ENOTDIR") return "it is missing";
  if (code === "ELOOP") return "it is a link";
  return `it cannot be read: ${message}`;
}
