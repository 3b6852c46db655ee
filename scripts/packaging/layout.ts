import { cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { sha256Of } from "./checksum.ts";
import { root } from "./package-json.ts";

const programs: readonly string[] = ["finial-server", "finial-agent", "finial"];
/** Threads of the programs', which Node starts from files beside them. */
const threads: readonly string[] = ["tls-thread"];

/** Folders of the built-in plugins, from the root: `plugins/server/keymanager/disk` and so on. */
export function pluginFolders(): readonly string[] {
  return globSync("plugins/{server,agent}/*/*/plugin.json", { cwd: root }).map(dirname).sort();
}

/** Absolute paths of the cores' bundles. */
export function coreBundles(): readonly string[] {
  return [...programs, ...threads].map((name) => join(root, "core", "dist", `${name}.mjs`));
}

/** Absolute path of a plugin's bundle. @param folder from the root. */
export function pluginBundle(folder: string): string {
  return join(root, folder, "dist", "plugin.mjs");
}

/** Which of the native addons to lay beside the bundles: by `platform-arch`, of all there are unless said. */
export type AddonFilter = (platform: string) => boolean;

/** Puts a plugin where a host or an operator finds it: its bundle, the manifest with the bundle's SHA-256, and its README. */
export function layOutPlugin(folder: string, to: string, addons: AddonFilter = () => true): void {
  layOutBundle(pluginBundle(folder), join(to, "dist"), addons);
  const manifest: object = JSON.parse(readFileSync(join(root, folder, "plugin.json"), "utf8"));
  const sha256 = sha256Of(join(to, "dist", "plugin.mjs"));
  writeFileSync(join(to, "plugin.json"), `${JSON.stringify({ ...manifest, sha256 }, undefined, 2)}\n`);
  copy(join(folder, "README.md"), to);
}

/** Puts the programs, their launchers and the templates of plugins below a folder: `bin/finial-server.cjs`, `dist/finial-server.mjs` and so on. */
export function layOutCore(to: string, addons: AddonFilter): void {
  for (const program of ["launch", ...programs]) copy(`core/bin/${program}.cjs`, join(to, "bin"));
  for (const bundle of coreBundles()) layOutBundle(bundle, join(to, "dist"), addons);
  copy("core/templates", to);
}

/** Puts a file or folder of the checkout into another, under its own name. */
export function copy(path: string, to: string): void {
  if (!existsSync(join(root, path))) throw new Error(`${path} is missing: it belongs into what is shipped`);
  mkdirSync(to, { recursive: true });
  cpSync(join(root, path), join(to, basename(path)), { recursive: true });
}

function layOutBundle(bundle: string, to: string, addons: AddonFilter): void {
  if (!existsSync(bundle)) throw new Error(`${bundle} is not built`);
  mkdirSync(to, { recursive: true });
  cpSync(bundle, join(to, basename(bundle)));
  for (const addon of globSync("*.node", { cwd: dirname(bundle) })) {
    const platform = /-(\w+-\w+)\.node$/.exec(addon)?.[1] ?? "";
    if (addons(platform)) cpSync(join(dirname(bundle), addon), join(to, addon));
  }
}
