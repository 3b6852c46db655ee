import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export const root: string = join(import.meta.dirname, "..", "..");

/** The parts of package.json that are read or changed here. */
export interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [key: string]: unknown;
}

/** @param folder from the root. */
export function readPackageJson(folder: string): PackageJson {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/** Without what only a checkout has a use for: its scripts and tools, and the doors to sources that are not shipped. */
export function published(workspace: PackageJson): PackageJson {
  const { scripts: _, devDependencies: __, exports, ...rest } = workspace;
  const doors = Object.entries(exports ?? {}).map(([door, target]) => {
    if (typeof target === "string") return [door, target] as const;
    const { source: ___, ...conditions } = target;
    return [door, conditions] as const;
  });
  return { ...rest, ...(exports && { exports: Object.fromEntries(doors) }) };
}

/** The same, of a package whose bundles hold what they need. */
export function publishedBundle(workspace: PackageJson): PackageJson {
  const { dependencies: _, ...rest } = published(workspace);
  return rest;
}

export function writePackageJson(folder: string, content: PackageJson): void {
  writeFileSync(join(folder, "package.json"), `${JSON.stringify(content, undefined, 2)}\n`);
}
