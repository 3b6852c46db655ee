import { basename, join, resolve } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { pluginEnvironment } from "../pluginhost/environment.ts";
import type { Checksum, Launch } from "../pluginhost/launch.ts";
import type { PluginSecrets } from "../secret/plugin-secrets.ts";
import type { Manifest, Manifests } from "./manifest.ts";
import { planPackage } from "./package-launch.ts";
import type { PluginBlock } from "./plugin-block.ts";

/**
 * Small heaps, that are cleaned before they grow: a plugin does one thing, and there are many of them. And no debugger, whose
 * port is open to all of this machine, for a SIGUSR1 that was meant for the daemon and is sent to all its processes.
 */
const nodeFlags = ["--max-semi-space-size=1", "--heap-growing-percent=50", "--disable-sigusr1"];

export interface LaunchSurroundings {
  readonly manifests: Manifests;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What references to secrets resolve with. */
  readonly secrets: PluginSecrets["resolver"];
  /** The Node that runs our own plugins. */
  readonly nodePath: string;
}

/** How to start a plugin, and the manifest it came from if it is one of ours. */
export interface PlannedLaunch {
  readonly launch: Launch;
  readonly manifest: Manifest | undefined;
}

/**
 * @throws {StatusError} NotFound `PLUGIN_UNKNOWN` when there is neither `plugin_cmd` nor a manifest; InvalidArgument
 *   `PLUGIN_RESERVED`.
 */
export function planLaunch(
  block: PluginBlock,
  { manifests, env, nodePath }: Omit<LaunchSurroundings, "secrets">,
  socketFolder: string,
): PlannedLaunch {
  const { type, name, pluginCmd, pluginArgs, pluginChecksum, environment: given } = block;
  if (type === "NodeAttestor" && name === "join_token" && (pluginCmd ?? block.pluginPackage) !== undefined)
    throw joinTokenIsReserved();
  if (pluginCmd !== undefined) {
    const file = resolve(pluginCmd);
    return {
      manifest: undefined,
      launch: {
        file,
        args: pluginArgs,
        env: pluginEnvironment(env, { builtIn: false, type, socketFolder, given }),
        sealed: block.pluginMtls ?? false,
        lifeline: false,
        baseName: basename(file),
        checksum: checksumOf(file, pluginChecksum),
      },
    };
  }
  if (block.pluginPackage !== undefined)
    return planPackage(block, block.pluginPackage, {
      side: manifests.side,
      env,
      nodePath,
      nodeFlags,
      socketFolder,
    });
  const manifest = manifests.find(type, name);
  if (manifest === undefined) throw unknownPlugin(block, manifests);
  return {
    manifest,
    launch: {
      file: nodePath,
      args: [...nodeFlags, manifest.main, ...pluginArgs],
      env: {
        ...pluginEnvironment(env, { builtIn: true, type, socketFolder, given }),
        // A restart finds compiled what the first start has compiled. Where it matters which bytes run, only those do.
        ...(pluginChecksum === undefined && {
          NODE_COMPILE_CACHE: join(socketFolder, `compiled-${type}-${name}`),
        }),
      },
      sealed: block.pluginMtls ?? manifest.mtls,
      lifeline: true,
      baseName: name,
      checksum: checksumOf(manifest.main, pluginChecksum, manifest.sha256),
    },
  };
}

/** The operator's word goes before the manifest's, also for a plugin of ours. */
function checksumOf(
  file: string,
  byOperator: string | undefined,
  byManifest?: string | undefined,
): Checksum | undefined {
  const sha256 = byOperator ?? byManifest;
  return sha256 === undefined ? undefined : { file, sha256, pinned: byOperator !== undefined };
}

/** Join tokens are the server's own affair: another plugin of this name would be loaded, and never asked. */
function joinTokenIsReserved(): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    "PLUGIN_RESERVED",
    "the built-in join_token node attestor cannot be overridden by an external plugin",
  );
}

function unknownPlugin({ type, name }: PluginBlock, manifests: Manifests): StatusError {
  const there = manifests.names(type);
  const hint =
    there.length === 0
      ? "there is none of this type"
      : `there are ${there.map((known) => `"${known}"`).join(", ")}`;
  return new StatusError(
    Code.NotFound,
    "PLUGIN_UNKNOWN",
    `no built-in plugin "${name}" for type "${type}": ${hint}; for a plugin of your own set plugin_cmd or plugin_package`,
  );
}
