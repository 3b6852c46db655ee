import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { RolldownOutput } from "rolldown";

const root = join(import.meta.dirname, "..", "..");

/** A package of somebody else's that is in a bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Where npm put it, from the root: the key of its entry in package-lock.json. */
  readonly path: string;
}

/**
 * The packages that have code in a bundle after what is never called was left out, sorted.
 *
 * @param addons paths of the native addons that lie beside it.
 */
export function bundledPackages(
  { output }: RolldownOutput,
  addons: readonly string[],
): readonly BundledPackage[] {
  const modules = output.flatMap((part) => (part.type === "chunk" ? Object.entries(part.modules) : []));
  const used = modules.filter(([, { renderedLength }]) => renderedLength > 0).map(([id]) => id);
  const folders = new Set([...used, ...addons].flatMap((file) => packageFolder(file) ?? []));
  return [...folders].map(describe).sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The nearest folder with a package.json that has a name: some packages mark subfolders with one that has none. */
function packageFolder(file: string): string | undefined {
  if (!file.startsWith(join(root, "node_modules"))) return undefined;
  let folder = dirname(file);
  while (!existsSync(join(folder, "package.json")) || readPackage(folder).name === undefined)
    folder = dirname(folder);
  return folder;
}

function readPackage(folder: string): Readonly<Record<string, unknown>> {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
}

function describe(folder: string): BundledPackage {
  const { name, version, license } = readPackage(folder);
  if (typeof license !== "string") throw new Error(`${folder}: no licence, so it cannot be shipped`);
  return { name: String(name), version: String(version), license, path: relative(root, folder) };
}
