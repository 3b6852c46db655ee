import type { Stats } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Code, StatusError } from "@finial/sdk";

/** As many as the kernel follows. */
const maxLinks = 40;

/**
 * Follows a path one step after the other, and refuses it where somebody else could lead it elsewhere: each folder and each
 * link on the way has to belong to root or to the daemon's user, and no folder may be written by others. A folder whose sticky
 * bit is set is written by others who cannot touch what is ours in it.
 *
 * @param uid the daemon's user.
 * @returns the path without links; what it leads to is the caller's to check, with {@link requireTrusted}.
 * @throws {StatusError} FailedPrecondition `SECRET_UNTRUSTED`; as the file system does for what is not there.
 */
export async function resolveTrusted(path: string, uid: number): Promise<string> {
  let current = "/";
  let links = 0;
  const pending = stepsOf(path);
  requireTrustedFolder(current, await lstat(current), uid);
  for (let step = pending.shift(); step !== undefined; step = pending.shift()) {
    const next = step === ".." ? dirname(current) : join(current, step);
    const stats = await lstat(next);
    if (stats.isSymbolicLink()) {
      if (++links > maxLinks) throw untrusted(`${path} leads through more than ${maxLinks} symbolic links`);
      requireOwner(next, stats, uid);
      const target = await readlink(next);
      if (target.startsWith("/")) current = "/";
      pending.unshift(...stepsOf(target));
      continue;
    }
    if (pending.length > 0) requireTrustedFolder(next, stats, uid);
    current = next;
  }
  return current;
}

/**
 * Refuses a file that somebody else can write.
 *
 * @throws {StatusError} FailedPrecondition `SECRET_UNTRUSTED`.
 */
export function requireTrusted(path: string, stats: Stats, uid: number): void {
  if (!stats.isFile()) throw untrusted(`${path} should be a regular file`);
  requireOwner(path, stats, uid);
  const who = writersOf(stats);
  if (who !== undefined)
    throw untrusted(
      `${path} can be written by ${who} (mode ${modeOf(stats)}); nobody but its owner should be able to, as with "chmod go-w"`,
    );
}

function requireTrustedFolder(path: string, stats: Stats, uid: number): void {
  requireOwner(path, stats, uid);
  const who = writersOf(stats);
  if (who !== undefined && (stats.mode & 0o1000) === 0)
    throw untrusted(
      `the folder ${path} can be written by ${who} (mode ${modeOf(stats)}); nobody but its owner should be able to, as with "chmod go-w"`,
    );
}

function requireOwner(path: string, stats: Stats, uid: number): void {
  if (stats.uid === 0 || stats.uid === uid) return;
  const should = uid === 0 ? "root" : `root or the daemon's user, uid ${uid}`;
  throw untrusted(`${path} belongs to uid ${stats.uid}; it should belong to ${should}`);
}

function writersOf({ mode }: Stats): string | undefined {
  if (mode & 0o002) return "everyone";
  return mode & 0o020 ? "its group" : undefined;
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

function stepsOf(path: string): string[] {
  return path.split("/").filter((step) => step !== "" && step !== ".");
}

function untrusted(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "SECRET_UNTRUSTED", message);
}
