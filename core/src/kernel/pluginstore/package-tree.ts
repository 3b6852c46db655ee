import { createHash } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";

/** A file of a package. */
export interface PackageFile {
  /** From the package's folder, with "/" between its steps. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  readonly executable: boolean;
}

const title = "finial plugin tree 1";
const line = /^([0-9a-f]{64}) ([x-]) (0|[1-9]\d{0,14}) (.+)$/;
const maxPathBytes = 1024;
const maxStepBytes = 255;

/** All files of a package, and the one digest that stands for their paths, sizes, modes and bytes. */
export class PackageTree {
  /** In the order of their paths' bytes. */
  readonly files: readonly PackageFile[];
  /** The canonical text: the same files give the same. */
  readonly listing: string;
  /** Of the listing, in hex. */
  readonly sha256: string;

  private constructor(files: readonly PackageFile[]) {
    this.files = files.toSorted((one, other) =>
      Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)),
    );
    this.listing = `${title}\n${this.files.map(printFile).join("")}`;
    this.sha256 = sha256Of(this.listing);
  }

  /**
   * @throws {StatusError} InvalidArgument `PLUGIN_PACKAGE` for a path that could lead out of the folder, one that is there twice,
   *   and a file where another has its folder.
   */
  static of(files: readonly PackageFile[]): PackageTree {
    const seen = new Set<string>();
    for (const { path } of files) {
      requirePlainPath(path);
      if (seen.has(path)) throw refused(`${JSON.stringify(path)} is there twice`);
      seen.add(path);
    }
    for (const { path } of files)
      for (const folder of foldersOf(path))
        if (seen.has(folder)) throw refused(`${JSON.stringify(folder)} is a file, and the folder of ${path}`);
    return new PackageTree(files);
  }

  /**
   * Reads what {@link listing} gives.
   *
   * @throws {StatusError} InvalidArgument `PLUGIN_PACKAGE` for any other text.
   */
  static parse(listing: string): PackageTree {
    const [first, ...lines] = listing.split("\n");
    if (first !== title || lines.pop() !== "") throw refused("it is no list of a package's files");
    const tree = PackageTree.of(lines.map(parseFile));
    if (tree.listing !== listing) throw refused("its lines are not in order");
    return tree;
  }

  find(path: string): PackageFile | undefined {
    return this.files.find((file) => file.path === path);
  }
}

/**
 * @throws {StatusError} InvalidArgument `PLUGIN_PACKAGE` for a path that is absolute, has empty or dot steps, or characters that
 *   could be read in more than one way.
 */
export function requirePlainPath(path: string): void {
  const quoted = JSON.stringify(path);
  if (path.startsWith("/")) throw refused(`${quoted} is an absolute path`);
  const steps = path.split("/");
  if (steps.includes("..")) throw refused(`${quoted} leads out of the package`);
  if (steps.includes("") || steps.includes(".")) throw refused(`${quoted} has an empty step`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (!path.isWellFormed() || /[\u0000-\u001f\u007f\u2028\u2029\ufffd\\]/.test(path))
    throw refused(`${quoted} has characters that no path of a plugin should have`);
  if (Buffer.byteLength(path) > maxPathBytes || steps.some((step) => Buffer.byteLength(step) > maxStepBytes))
    throw refused(`${quoted} is too long`);
}

/** `a/b/c` → `a`, `a/b`. */
export function foldersOf(path: string): readonly string[] {
  const steps = path.split("/").slice(0, -1);
  return steps.map((_, index) => steps.slice(0, index + 1).join("/"));
}

export function sha256Of(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function printFile({ sha256, executable, size, path }: PackageFile): string {
  return `${sha256} ${executable ? "x" : "-"} ${size} ${path}\n`;
}

function parseFile(text: string): PackageFile {
  const [, sha256 = "", mode, size, path = ""] = line.exec(text) ?? [];
  if (path === "") throw refused(`the line ${JSON.stringify(text)} is none of such a list`);
  return { path, size: Number(size), sha256, executable: mode === "x" };
}

function refused(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "PLUGIN_PACKAGE", message);
}
