import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { archive, sourceTime } from "./packaging/archive.ts";
import { filesBelow, sha256Sums } from "./packaging/checksum.ts";
import {
  copy,
  coreBundles,
  layOutCore,
  layOutPlugin,
  pluginBundle,
  pluginFolders,
} from "./packaging/layout.ts";
import { readPackageJson, root } from "./packaging/package-json.ts";
import { run } from "./packaging/run.ts";
import { softwareBillOfMaterials } from "./packaging/sbom.ts";
import { packagesInAll, thirdPartyNotices } from "./packaging/third-party.ts";

const machine = `${process.platform}-${process.arch}`;
const papers: readonly string[] = ["packaging/README.md", "LICENSE", "SECURITY.md", "CHANGELOG.md", "docs"];

/** The tree an operator unpacks: commands, the cores, plugins with their manifests, sample configuration, papers. */
function layOut(folder: string, time: Date): void {
  const bundles = [...coreBundles(), ...pluginFolders().map(pluginBundle)];
  const ofThisMachine = (platform: string): boolean => platform === machine;
  copy("packaging/bin", folder);
  layOutCore(join(folder, "core"), ofThisMachine);
  for (const plugin of pluginFolders()) layOutPlugin(plugin, join(folder, plugin), ofThisMachine);
  for (const path of ["conf", "packaging/systemd", ...papers]) copy(path, folder);
  writeFileSync(join(folder, "THIRD-PARTY-NOTICES.txt"), thirdPartyNotices(packagesInAll(bundles)));
  writeFileSync(join(folder, "sbom.cdx.json"), softwareBillOfMaterials(bundles, time));
  writeFileSync(join(folder, "SHA256SUMS"), sha256Sums(folder, filesBelow(folder)));
}

/** @param out the folder for the archive, its bill of materials and their checksums. */
function release(out: string): void {
  const name = `finial-${readPackageJson(".").version}-${machine}`;
  const folder = join(out, name);
  const time = sourceTime();
  mkdirSync(folder, { recursive: true });
  layOut(folder, time);
  const files = filesBelow(folder);
  const made = [archive(out, name, time), `${name}.cdx.json`];
  copyFileSync(join(folder, "sbom.cdx.json"), join(out, `${name}.cdx.json`));
  writeFileSync(join(out, "SHA256SUMS"), sha256Sums(out, made));
  rmSync(folder, { recursive: true });
  console.log(`${out}: ${made.join(", ")}, SHA256SUMS (${files.length} files)`);
}

const ownFolder = join(root, "dist", "release");
const { values } = parseArgs({ options: { out: { type: "string" } } });
try {
  if (values.out === undefined) rmSync(ownFolder, { recursive: true, force: true });
  run([process.execPath, "--conditions=source", join(root, "scripts", "build.ts"), "--if-stale"], {
    cwd: root,
  });
  release(resolve(values.out ?? ownFolder));
} catch (error) {
  console.error(`release: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
