import { closeSync, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { type PackageId, printPackageId } from "./package-id.ts";
import { PackageTree, sha256Of } from "./package-tree.ts";
import { type LockedPackage, PluginLock } from "./plugin-lock.ts";

export const defaultStoreFolder = "/var/lib/finial/plugins";

/** Where packages are, and what says which of them may run. */
export interface StorePlaces {
  readonly folder: string;
  readonly lockFile: string;
}

/** A package in the store whose list of files is what the lock file names; its files are yet to be verified. */
export interface StoredPackage {
  /** For messages: `@vendor/name@1.2.3`. */
  readonly title: string;
  /** Absolute path of the folder that its files are in. */
  readonly folder: string;
  readonly tree: PackageTree;
}

/** @param places "" for what is not said. */
export function placesOf({ folder, lockFile }: StorePlaces): StorePlaces {
  const store = folder || defaultStoreFolder;
  return { folder: store, lockFile: lockFile || join(store, "plugin-lock.json") };
}

/** The folder of a package's own: `package/` with its files, and `files` that lists them. */
export function packageFolder(store: string, treeSha256: string): string {
  return join(store, treeSha256);
}

/**
 * Reads a lock file.
 *
 * @param uid whose file it may be, beside root's; undefined: anybody's.
 * @returns undefined when there is none.
 * @throws {StatusError} FailedPrecondition `PLUGIN_LOCK`: when others may write it, or it is none.
 */
export function readLock(lockFile: string, uid?: number): PluginLock | undefined {
  const refused = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.FailedPrecondition, "PLUGIN_LOCK", `the lock file ${lockFile}: ${why}`, { cause });
  let text: string;
  try {
    text = readTrusted(lockFile, uid, refused);
  } catch (error) {
    if (error instanceof StatusError) throw error;
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
  try {
    return PluginLock.parse(text);
  } catch (error) {
    throw refused(StatusError.from(error).message, error);
  }
}

/**
 * Finds a package that is locked.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_LOCK` or `PLUGIN_PACKAGE`, with what to do.
 */
export function findStored(id: PackageId, { folder, lockFile }: StorePlaces, uid?: number): StoredPackage {
  const title = printPackageId(id);
  const lock = readLock(lockFile, uid);
  if (lock === undefined)
    throw new StatusError(
      Code.FailedPrecondition,
      "PLUGIN_LOCK",
      `there is no lock file ${lockFile}, which would have to name ${title}; "finial plugin install ${title}" makes one`,
    );
  const locked = lock.find(id);
  if (locked === undefined) {
    const others = lock.packages.filter(({ name }) => name === id.name).map(({ version }) => version);
    const hint = others.length === 0 ? "" : `; of this package it names ${others.join(", ")}`;
    throw new StatusError(
      Code.FailedPrecondition,
      "PLUGIN_LOCK",
      `the lock file ${lockFile} does not name ${title}${hint}; "finial plugin install ${title}" adds it`,
    );
  }
  return openStored(locked, folder);
}

/** @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE`: it is not in the store, or its list of files is not what was locked. */
export function openStored(locked: LockedPackage, store: string): StoredPackage {
  const title = printPackageId(locked);
  const folder = packageFolder(store, locked.treeSha256);
  const path = join(folder, "files");
  let listing: string;
  try {
    listing = readFileSync(path, "utf8");
  } catch (cause) {
    const isAbsent = cause instanceof Error && "code" in cause && cause.code === "ENOENT";
    const why = cause instanceof Error ? cause.message : String(cause);
    throw refusedPackage(
      title,
      isAbsent
        ? `it is locked, but not in the store ${store}; "finial plugin install" fetches what is locked`
        : why,
      cause,
    );
  }
  if (sha256Of(listing) !== locked.treeSha256)
    throw refusedPackage(title, `${path}, the list of its files, is not what was locked`);
  return { title, folder: join(folder, "package"), tree: PackageTree.parse(listing) };
}

export function refusedPackage(title: string, why: string, cause?: unknown): StatusError {
  return new StatusError(Code.FailedPrecondition, "PLUGIN_PACKAGE", `plugin package ${title}: ${why}`, {
    cause,
  });
}

function readTrusted(file: string, uid: number | undefined, refused: (why: string) => StatusError): string {
  const descriptor = openSync(file, "r");
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw refused("it should be a regular file");
    if (uid !== undefined)
      for (const [what, { mode, uid: owner }] of [
        ["it", stats],
        [`its folder ${dirname(file)}`, statSync(dirname(file))],
      ] as const) {
        const octal = (mode & 0o7777).toString(8).padStart(4, "0");
        if (owner !== 0 && owner !== uid)
          throw refused(`${what} belongs to uid ${owner}, who could name any package in it`);
        const isSticky = what !== "it" && (mode & 0o1000) !== 0;
        if ((mode & 0o022) !== 0 && !isSticky)
          throw refused(
            `${what} can be written by others than its owner (mode ${octal}); "chmod go-w" mends it`,
          );
      }
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}
