import type { GivenEnvironment } from "../pluginhost/environment.ts";
import type { PackageId } from "../pluginstore/package-id.ts";
import type { StorePlaces } from "../pluginstore/plugin-store.ts";
import type { ConfigOrigin } from "./config-origin.ts";

/** A package, and where it is looked for. */
export interface PluginPackage {
  readonly id: PackageId;
  readonly store: StorePlaces;
}

/** One plugin as the configuration lists it. */
export interface PluginBlock {
  readonly type: string;
  readonly name: string;
  /** Absent: the plugin is found by its manifest. */
  readonly pluginCmd?: string | undefined;
  /** A package of the plugin store, in the place of `pluginCmd`. */
  readonly pluginPackage?: PluginPackage | undefined;
  readonly pluginArgs: readonly string[];
  /** SHA-256 in hex of the file `pluginCmd`. */
  readonly pluginChecksum?: string | undefined;
  /** Whether its link is under mutual TLS; absent: as its manifest says, and without one not. */
  readonly pluginMtls?: boolean | undefined;
  /** The body of `plugin_data`, as HCL; absent when there is none. */
  readonly configText?: string | undefined;
  /** Where the operator wrote it. */
  readonly configOrigin?: ConfigOrigin | undefined;
  /** A file that holds what `plugin_data` would; read when the plugin is configured, and again when asked to. */
  readonly pluginDataFile?: string | undefined;
  /** What its process finds in its environment beside what every plugin does; values may be references to secrets. */
  readonly environment?: GivenEnvironment | undefined;
  readonly enabled: boolean;
}

/** How messages name it: `KeyManager "disk"`. */
export function titleOf({ type, name }: Pick<PluginBlock, "type" | "name">): string {
  return `${type} "${name}"`;
}
