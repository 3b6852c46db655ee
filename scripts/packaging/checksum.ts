import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** SHA-256 in hex. */
export function sha256Of(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Every file below a folder, by its path from there, sorted. */
export function filesBelow(folder: string): readonly string[] {
  return globSync("**/*", { cwd: folder, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

/** What `sha256sum -c` reads. @param files from the folder. */
export function sha256Sums(folder: string, files: readonly string[]): string {
  return files.map((file) => `${sha256Of(join(folder, file))}  ${file}\n`).join("");
}
