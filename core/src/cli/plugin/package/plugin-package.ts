import { relative } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import { type Manifest, parseManifest } from "../../../kernel/catalog/manifest.ts";
import { isScriptName } from "../../../kernel/catalog/package-launch.ts";
import { type PackageId, printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import { kinds } from "../../../kit/kind.ts";
import type { UnpackedPackage } from "./unpack.ts";

/** Scripts that npm would run when it installs a package. */
const installScripts: readonly string[] = ["preinstall", "install", "postinstall", "prepare"];

export interface PluginPackage {
  /** Its `main` is below "/package". */
  readonly manifest: Manifest;
  /** What is passed over, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Checks that a package is a plugin that can run from its own files.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE`.
 */
export function checkPluginPackage(id: PackageId, { tree, contents }: UnpackedPackage): PluginPackage {
  const title = printPackageId(id);
  const refused = (why: string, cause?: unknown): StatusError =>
    new StatusError(Code.FailedPrecondition, "PLUGIN_PACKAGE", `${title}: ${why}`, { cause });
  const packageJson = parsePackageJson(contents.get("package.json"), refused);
  if (packageJson.name !== id.name || packageJson.version !== id.version)
    throw refused(`its package.json says it is ${packageJson.name}@${packageJson.version}`);
  const unbundled = unbundledDependencies(packageJson);
  if (unbundled.length > 0)
    throw refused(
      `it depends on ${unbundled.join(", ")}, and does not bring ${unbundled.length === 1 ? "it" : "them"}: a plugin is bundled into files of its own, or lists what it brings in "bundleDependencies"`,
    );
  const manifestText = contents.get("plugin.json")?.toString("utf8");
  if (manifestText === undefined)
    throw refused("it has no plugin.json, the manifest that says side, type, name and main: it is no plugin");
  let manifest: Manifest;
  try {
    manifest = parseManifest(manifestText, "/package/plugin.json");
  } catch (error) {
    throw refused(StatusError.from(error).message.replace(/^\/package\//, "its "), error);
  }
  const { side, type, version } = manifest;
  const types = kinds.filter((kind) => kind.side === side).map(({ name }) => name);
  if (!types.includes(type)) {
    const meant = nearest(type, types) ?? types.join(", ");
    throw refused(`its plugin.json names the type "${type}", which the ${side} does not have: ${meant}`);
  }
  if (version !== id.version) throw refused(`its plugin.json says version ${version}`);
  const main = relative("/package", manifest.main);
  const file = tree.find(main);
  if (file === undefined) throw refused(`its plugin.json names ${main}, which it does not have`);
  if (manifest.sha256 !== undefined && manifest.sha256.toLowerCase() !== file.sha256)
    throw refused(`its plugin.json has another SHA-256 than ${main} has`);
  if (!isScriptName(main) && !file.executable)
    throw refused(`${main} is no script for Node (.mjs, .cjs, .js), and is not executable`);
  const scripts = installScripts.filter((script) => isText(packageJson.scripts?.[script]));
  return {
    manifest,
    notes: scripts.length === 0 ? [] : [`${title}: its scripts (${scripts.join(", ")}) are not run`],
  };
}

interface PackageJson {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly scripts?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, unknown>>;
  readonly optionalDependencies?: Readonly<Record<string, unknown>>;
  readonly peerDependencies?: Readonly<Record<string, unknown>>;
  readonly bundleDependencies?: unknown;
  readonly bundledDependencies?: unknown;
}

function parsePackageJson(
  bytes: Buffer | undefined,
  refused: (why: string, cause?: unknown) => StatusError,
): PackageJson {
  if (bytes === undefined) throw refused("it has no package.json");
  try {
    const parsed: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch (error) {
    throw refused(`its package.json is no JSON: ${error instanceof Error ? error.message : error}`, error);
  }
  throw refused("its package.json is no object");
}

/** Peers are somebody else's to bring, and there is nobody else. */
function unbundledDependencies(packageJson: PackageJson): readonly string[] {
  const { dependencies, optionalDependencies, peerDependencies } = packageJson;
  const bundled = packageJson.bundleDependencies ?? packageJson.bundledDependencies ?? [];
  const all = [dependencies, optionalDependencies, peerDependencies].flatMap((map) => Object.keys(map ?? {}));
  if (bundled === true) return [];
  const brought: ReadonlySet<unknown> = new Set(Array.isArray(bundled) ? bundled : []);
  return [...new Set(all)].filter((name) => !brought.has(name)).sort();
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}
