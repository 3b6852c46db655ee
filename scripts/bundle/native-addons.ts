import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Plugin } from "rolldown";
import type { Addon } from "./load-addon.ts";

const root = join(import.meta.dirname, "..", "..");
const require = createRequire(join(root, "core", "package.json"));
const machine = `${process.platform}-${process.arch}`;
/** Where Finial runs. */
const platforms: readonly string[] = ["linux-x64", "linux-arm64"];

/** An addon at build time: its name, and its file for each platform that is at hand. */
interface Found {
  readonly name: string;
  readonly paths: Readonly<Record<string, string>>;
  readonly package?: string;
}

/** npm brings the one of the machine it runs on, in a package of its own. */
function koffi(): Found {
  const folder = dirname(require.resolve(`@koromix/koffi-${machine}`));
  return {
    name: "koffi",
    paths: { [machine]: join(folder, machine.replace("-", "_"), "koffi.node") },
    package: "@koromix/koffi-PLATFORM",
  };
}

/** The package has them all side by side, such as `…/prebuilds/linux-x64.node`. */
function prebuilt(path: string): Found {
  const name = path.split("/node_modules/").at(-1)?.split("/")[0] ?? "addon";
  const paths = platforms
    .map((platform) => [platform, path.replaceAll(machine, platform)] as const)
    .filter(([, candidate]) => existsSync(candidate));
  return { name, paths: Object.fromEntries(paths) };
}

function layBeside({ name, paths, ...found }: Found, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const files: Record<string, { readonly name: string; readonly sha256: string }> = {};
  for (const [platform, path] of Object.entries(paths)) {
    const file = `${name}-${platform}.node`;
    copyFileSync(path, join(folder, file));
    files[platform] = { name: file, sha256: createHash("sha256").update(readFileSync(path)).digest("hex") };
  }
  const addon: Addon = { files, ...(found.package && { package: found.package }) };
  // "module.exports" is what require() gives to packages that are not modules, as better-sqlite3 is none.
  return `import { loadAddon } from ${JSON.stringify(join(import.meta.dirname, "load-addon.ts"))};
const addon = loadAddon(import.meta.url, ${JSON.stringify(addon)});
export { addon as default, addon as "module.exports" };
`;
}

/**
 * Native addons lie beside the bundle that needs them: their packages look for them in ways a bundle does not have.
 *
 * @param folder where the bundle is written to.
 * @param use told the path of each addon's file, which is in no module's.
 */
export function nativeAddons(folder: string, use: (path: string) => void): Plugin {
  const load = (found: Found): string => {
    for (const path of Object.values(found.paths)) use(path);
    return layBeside(found, folder);
  };
  return {
    name: "native-addons",
    resolveId: (id, importer) => {
      if (id === "koffi") return { id: "\0koffi" };
      if (importer === undefined) return null;
      if (id === "better-sqlite3")
        return { id: createRequire(importer).resolve(`better-sqlite3/${machine}`) };
      if (id.endsWith(".node")) return { id: `\0addon:${createRequire(importer).resolve(id)}` };
      return null;
    },
    load: (id) => {
      if (id === "\0koffi") return load(koffi());
      return id.startsWith("\0addon:") ? load(prebuilt(id.slice("\0addon:".length))) : null;
    },
  };
}
