import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import {
  copy,
  coreBundles,
  layOutCore,
  layOutPlugin,
  pluginBundle,
  pluginFolders,
} from "./packaging/layout.ts";
import { compileLibrary, type Library } from "./packaging/library.ts";
import {
  published,
  publishedBundle,
  readPackageJson,
  root,
  writePackageJson,
} from "./packaging/package-json.ts";
import { run } from "./packaging/run.ts";
import { packagesInAll, thirdPartyNotices } from "./packaging/third-party.ts";

/** What a plugin author installs, and what it stands on. */
function stageLibrary(library: Library, to: string): void {
  compileLibrary(library, join(to, "dist"));
  writePackageJson(to, published(readPackageJson(library)));
  copy(`${library}/README.md`, to);
  if (library === "proto") for (const folder of protoFolders()) copy(`proto/${folder}`, to);
}

/** The contracts themselves, for whoever generates codecs for another language. */
function protoFolders(): readonly string[] {
  const { files } = readPackageJson("proto");
  return (files as readonly string[]).filter((name) => name !== "dist");
}

/** Both daemons with every built-in plugin: what `npm install @finial/core` brings is whole. */
function stageCore(to: string): void {
  // npm chooses koffi's addon on the machine it installs on.
  layOutCore(to, () => false);
  for (const folder of pluginFolders()) layOutPlugin(folder, join(to, folder));
  copy("conf", to);
  copy("core/README.md", to);
  const bundles = [...coreBundles(), ...pluginFolders().map(pluginBundle)];
  writeFileSync(join(to, "THIRD-PARTY-NOTICES.txt"), thirdPartyNotices(packagesInAll(bundles)));
  const { dependencies } = readPackageJson("core");
  const addons = ["@koromix/koffi-linux-x64", "@koromix/koffi-linux-arm64"].map((name) => [
    name,
    dependencies?.koffi ?? "",
  ]);
  writePackageJson(to, {
    ...publishedBundle(readPackageJson("core")),
    optionalDependencies: Object.fromEntries(addons),
  });
}

/** One plugin by itself, for a host of another version, or SPIRE. */
function stagePlugin(folder: string, to: string): void {
  layOutPlugin(folder, to);
  const notices = thirdPartyNotices(packagesInAll([pluginBundle(folder)]));
  writeFileSync(join(to, "dist", "THIRD-PARTY-NOTICES.txt"), notices);
  writePackageJson(to, publishedBundle(readPackageJson(folder)));
}

/**
 * @param out the folder for the packages, one `.tgz` each.
 * @param only folders of the checkout, such as `sdk`; all when there is none.
 * @returns their names.
 */
function pack(out: string, only: readonly string[]): readonly string[] {
  const staging = mkdtempSync(join(tmpdir(), "finial-pack-"));
  try {
    const stages: readonly (readonly [folder: string, stage: (to: string) => void])[] = [
      ["proto", (to) => stageLibrary("proto", to)],
      ["sdk", (to) => stageLibrary("sdk", to)],
      ["core", stageCore],
      ...pluginFolders().map((folder) => [folder, (to: string) => stagePlugin(folder, to)] as const),
    ];
    const unknown = only.find((name) => !stages.some(([folder]) => folder === name));
    if (unknown !== undefined) throw new Error(`there is no package in ${unknown}`);
    const wanted = stages.filter(([folder]) => only.length === 0 || only.includes(folder));
    const folders = wanted.map(([folder, stage]) => {
      const to = join(staging, folder);
      mkdirSync(to, { recursive: true });
      stage(to);
      copy("LICENSE", to);
      return to;
    });
    mkdirSync(out, { recursive: true });
    const packed = run(["npm", "pack", "--silent", "--pack-destination", out, ...folders], { cwd: staging });
    return packed.trim().split("\n");
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

const ownFolder = join(root, "dist", "npm");
const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
try {
  if (values.out === undefined) rmSync(ownFolder, { recursive: true, force: true });
  run([process.execPath, "--conditions=source", join(root, "scripts", "build.ts"), "--if-stale"], {
    cwd: root,
  });
  const out = resolve(values.out ?? ownFolder);
  for (const name of pack(out, positionals)) console.log(join(out, name));
} catch (error) {
  console.error(`pack: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
