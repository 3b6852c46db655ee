import { readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { StatusError } from "@finial/sdk";
import { pluginEnvironment } from "../pluginhost/environment.ts";
import type { Launch } from "../pluginhost/launch.ts";
import { sha256Of } from "../pluginstore/package-tree.ts";
import { findStored, refusedPackage, type StoredPackage } from "../pluginstore/plugin-store.ts";
import { type ExpectedManifest, type Manifest, parseManifest, type Side } from "./manifest.ts";
import { type PluginBlock, type PluginPackage, titleOf } from "./plugin-block.ts";

/**
 * How to start a plugin that is a package of the store: with this Node when its `main` is a script, or else as a program of its
 * own. Its files are verified when it starts, each time.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_LOCK`, `PLUGIN_PACKAGE` or `MANIFEST`.
 */
export function planPackage(
  block: PluginBlock,
  { id, store }: PluginPackage,
  {
    side,
    env,
    nodePath,
    nodeFlags,
    socketFolder,
  }: {
    readonly side: Side;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly nodePath: string;
    readonly nodeFlags: readonly string[];
    readonly socketFolder: string;
  },
): { readonly launch: Launch; readonly manifest: Manifest } {
  const { type, name, pluginArgs, pluginChecksum, environment: given } = block;
  const stored = findStored(id, store, process.geteuid?.());
  const manifest = readManifest(stored, { side, type, name, saidBy: `the block ${titleOf(block)}` });
  const isScript = isScriptName(manifest.main);
  return {
    manifest,
    launch: {
      ...(isScript
        ? { file: nodePath, args: [...nodeFlags, manifest.main, ...pluginArgs] }
        : { file: manifest.main, args: pluginArgs }),
      env: pluginEnvironment(env, { builtIn: isScript, type, socketFolder, given }),
      sealed: block.pluginMtls ?? manifest.mtls,
      lifeline: isScript,
      baseName: name,
      checksum:
        pluginChecksum === undefined
          ? undefined
          : { file: manifest.main, sha256: pluginChecksum, pinned: true },
      stored,
    },
  };
}

/** Whether Node runs it. */
export function isScriptName(main: string): boolean {
  return /\.[cm]?js$/.test(main);
}

/**
 * The manifest of a package in the store, verified by itself: it is read before the rest is.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_PACKAGE` or `MANIFEST`.
 */
export function readManifest({ title, folder, tree }: StoredPackage, expected?: ExpectedManifest): Manifest {
  const path = join(folder, "plugin.json");
  const listed = tree.find("plugin.json");
  if (listed === undefined) throw refusedPackage(title, "it has no plugin.json");
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw refusedPackage(title, `${path} cannot be read: ${StatusError.from(error).message}`, error);
  }
  if (sha256Of(bytes) !== listed.sha256)
    throw refusedPackage(title, `${path} is not what was locked: its bytes are not those that were locked`);
  const manifest = parseManifest(bytes.toString("utf8"), path, expected);
  if (tree.find(relative(folder, manifest.main)) === undefined)
    throw refusedPackage(
      title,
      `its plugin.json names ${relative(folder, manifest.main)}, which it does not have`,
    );
  return manifest;
}
