import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it that are not there. Node's own recursive way never ends where the kernel lets nothing be
 * made, as below `/proc`.
 *
 * @returns absolute paths of the folders that were made, the uppermost first.
 * @throws what the file system says.
 */
export function makeFolders(path: string, mode = 0o755): readonly string[] {
  const folder = resolve(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  const parent = dirname(folder);
  const above = parent === folder ? [] : makeFolders(parent, mode);
  mkdirSync(folder, { mode });
  return [...above, folder];
}
