import { existsSync, globSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, normalize } from "node:path";

export const root: string = join(import.meta.dirname, "..", "..");

/** A file's import, by its words. */
export interface Import {
  /** From the root. */
  readonly file: string;
  /** As it is written. */
  readonly specifier: string;
}

/** Our own TypeScript files, from the root. What a generator writes is its own affair. */
export function sourceFiles(): readonly string[] {
  return globSync("{proto,sdk,core,plugins,apps,test,bench}/**/*.ts", {
    cwd: root,
    exclude: (path) => /(^|\/)(node_modules|dist|gen)$/.test(path),
  }).sort();
}

/** Every import and re-export, with or without names, of values or of types. */
export function importsOf(file: string): readonly Import[] {
  const text = readFileSync(join(root, file), "utf8");
  const statements = text.matchAll(/^(?:import|export)\s(?:[^"'`;]*?\sfrom\s)?"([^"]+)";$/gm);
  const calls = text.matchAll(/\bimport\("([^"]+)"\)/g);
  return [...statements, ...calls].map(([, specifier = ""]) => ({ file, specifier }));
}

/** The path, from the root, that a relative import means. */
export function targetPath({ file, specifier }: Import): string | undefined {
  return specifier.startsWith(".") ? normalize(join(dirname(file), specifier)) : undefined;
}

/** The package of a bare import: `@finial/sdk` of `@finial/sdk/crypto`; undefined for Node's own and for paths. */
export function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith(".") || isBuiltin(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

interface PackageJson {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

export function packageJson(folder: string): PackageJson {
  return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
}

/** The folder of the package that a file belongs to; "." for the root's. */
export function packageFolder(file: string): string {
  let folder = dirname(file);
  while (folder !== "." && !existsSync(join(root, folder, "package.json"))) folder = dirname(folder);
  return folder;
}
