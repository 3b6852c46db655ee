import { resolve } from "node:path";
import type { FlagValues } from "../../flag.ts";
import type { CommandIo } from "../../io.ts";
import { Installer } from "./installer.ts";
import { ProvenancePolicy } from "./provenance-policy.ts";
import { placesIn, type registryFlags, type storeFlags } from "./store-flags.ts";

/** npm's libraries are loaded when the registry is asked: most commands do without. */
export function openInstaller(
  flags: FlagValues<typeof storeFlags> & FlagValues<typeof registryFlags>,
  io: CommandIo,
): Installer {
  return new Installer({
    places: placesIn(flags, io),
    policy: new ProvenancePolicy({ required: flags.requireProvenance, source: flags.source }),
    trustedRoot: flags.trustedRoot && resolve(io.cwd, flags.trustedRoot),
    notes: io.stderr,
    openRegistry: async () => {
      const { PackageRegistry } = await import("./registry.ts");
      return await PackageRegistry.open(io, flags.registry);
    },
  });
}
