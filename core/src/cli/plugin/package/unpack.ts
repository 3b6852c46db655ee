import { Code, StatusError } from "@finial/sdk";
import { Parser, type ReadEntry } from "tar";
import { type PackageFile, PackageTree, sha256Of } from "../../../kernel/pluginstore/package-tree.ts";

/** The bytes of a package's files, by path. */
export interface UnpackedPackage {
  readonly tree: PackageTree;
  readonly contents: ReadonlyMap<string, Buffer>;
}

export interface UnpackLimits {
  readonly files: number;
  /** Of all files together. */
  readonly bytes: number;
}

const defaultLimits: UnpackLimits = { files: 10_000, bytes: 256 * 1024 * 1024 };
const regular: ReadonlySet<string> = new Set(["File", "OldFile", "ContiguousFile"]);
const setIds = 0o7000;
const writableByOthers = 0o022;

/**
 * Unpacks a package into memory: regular files below one folder, and nothing else. Nothing is repaired; what a package should not
 * have is refused.
 *
 * @param title for messages: `@vendor/name@1.2.3`.
 * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE`, naming the file.
 */
export async function unpack(
  tarball: Buffer,
  title: string,
  limits: UnpackLimits = defaultLimits,
): Promise<UnpackedPackage> {
  const refused = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.FailedPrecondition, "PLUGIN_PACKAGE", `${title}: ${why}`, { cause });
  const files: PackageFile[] = [];
  const contents = new Map<string, Buffer>();
  let total = 0;
  let root: string | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const parser = new Parser({ strict: true });
  const take = (entry: ReadEntry): void => {
    const { type, mode = 0, size } = entry;
    const name = JSON.stringify(entry.path);
    if (type === "Directory") return;
    if (!regular.has(type)) throw refused(`${name} is a ${type}; a plugin's package has regular files only`);
    if ((mode & setIds) !== 0)
      throw refused(
        `${name} has the mode ${octal(mode)}: it would run as somebody else, or be kept by others`,
      );
    if ((mode & writableByOthers) !== 0)
      throw refused(`${name} has the mode ${octal(mode)}: it can be written by others than its owner`);
    const [first = "", ...steps] = entry.path.split("/");
    // One folder holds it all; npm calls it "package".
    root ??= first;
    if (first !== root || first === "" || first === ".." || steps.length === 0)
      throw refused(`${name} is not in the folder that the rest of the package is in`);
    total += size;
    if (total > limits.bytes) throw refused(`it has more than ${limits.bytes} bytes`);
    if (files.length >= limits.files) throw refused(`it has more than ${limits.files} files`);
    const chunks: Buffer[] = [];
    entry.on("data", (chunk) => chunks.push(Buffer.from(chunk)));
    entry.on("end", () => {
      const bytes = Buffer.concat(chunks);
      const path = steps.join("/");
      files.push({ path, size: bytes.length, sha256: sha256Of(bytes), executable: (mode & 0o100) !== 0 });
      contents.set(path, bytes);
    });
  };
  parser.on("entry", (entry: ReadEntry) => {
    try {
      take(entry);
    } catch (error) {
      reject(error);
    }
    entry.resume();
  });
  parser.on("error", (error: Error) => reject(refused(`it cannot be unpacked: ${error.message}`, error)));
  parser.on("end", () => resolve());
  parser.end(tarball);
  await promise;
  try {
    return { tree: PackageTree.of(files), contents };
  } catch (error) {
    throw refused(StatusError.from(error).message, error);
  }
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
