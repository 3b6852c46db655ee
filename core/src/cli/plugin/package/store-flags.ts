import { resolve } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import type { PluginLock } from "../../../kernel/pluginstore/plugin-lock.ts";
import {
  defaultStoreFolder,
  placesOf,
  readLock,
  type StorePlaces,
} from "../../../kernel/pluginstore/plugin-store.ts";
import { type FlagValues, text, toggle } from "../../flag.ts";
import { type CommandIo, messageOf } from "../../io.ts";
import { outputFlag } from "../../output.ts";

/** Where packages are. */
export const storeFlags = {
  store: text("The folder that packages are in: plugin_store of the daemons", defaultStoreFolder),
  lock: text("The lock file: plugin_lock of the daemons. Without it, plugin-lock.json in the store"),
  output: outputFlag,
};

/** Where packages come from. */
export const registryFlags = {
  registry: text("The registry, a URL. Without it, the one that npm's own configuration names"),
  requireProvenance: toggle(
    "Refuse a package whose registry does not say, verifiably, what it was built from",
  ),
  source: text("The repository that it has to be built from, a URI; requires provenance"),
  trustedRoot: text("A trusted_root.json of Sigstore. Without it, that of the public one is fetched"),
};

/** Nothing was found wrong, because nothing could be looked at: what was typed, or a registry that does not answer. */
export const misuseStatus = 2;

export function placesIn({ store, lock }: FlagValues<typeof storeFlags>, { cwd }: CommandIo): StorePlaces {
  return placesOf({ folder: resolve(cwd, store), lockFile: lock && resolve(cwd, lock) });
}

/** @throws {StatusError} NotFound when there is no lock file; FailedPrecondition when it is none. */
export function requireLock({ lockFile }: StorePlaces): PluginLock {
  const lock = readLock(lockFile);
  if (lock === undefined)
    throw new StatusError(
      Code.NotFound,
      "PLUGIN_LOCK",
      `there is no lock file ${lockFile}; "finial plugin install" makes one`,
    );
  return lock;
}

/** Does a command's work and tells what went wrong: 1 for a package that is refused, 2 where nothing could be judged. */
export async function judged(io: CommandIo, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    io.stderr.write(`${messageOf(error)}\n`);
    const { code } = StatusError.from(error);
    return code === Code.FailedPrecondition ? 1 : misuseStatus;
  }
}
