import { readManifest } from "../../../kernel/catalog/package-launch.ts";
import { printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { LockedPackage } from "../../../kernel/pluginstore/plugin-lock.ts";
import { openStored } from "../../../kernel/pluginstore/plugin-store.ts";
import { command } from "../../command.ts";
import { texts } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { printJson } from "../../output.ts";
import { findConfigured } from "./configured-packages.ts";
import { describeLocked, describeProvenance } from "./print-package.ts";
import { judged, misuseStatus, placesIn, requireLock, storeFlags } from "./store-flags.ts";

export const pluginList = command({
  name: "plugin list",
  synopsis: "Lists the packages that are locked",
  flags: {
    ...storeFlags,
    config: texts("A configuration file of a server or an agent, to tell which of its plugins use them"),
  },
  misuseStatus,
  run: ({ flags, io }) =>
    judged(io, async () => {
      const places = placesIn(flags, io);
      const { packages } = requireLock(places);
      const configured = findConfigured(flags.config, io);
      const rows = packages.map((locked) => ({
        locked,
        plugin: pluginOf(locked, places.folder),
        usedBy: configured
          .filter(({ id }) => printPackageId(id) === printPackageId(locked))
          .map(({ usedBy }) => usedBy),
      }));
      if (flags.output === "json") {
        printJson(
          rows.map(({ locked, plugin, usedBy }) => ({ ...describeLocked(locked), ...plugin, usedBy })),
          io.stdout,
        );
        return 0;
      }
      if (rows.length === 0) io.stdout.write("No packages are locked.\n");
      for (const { locked, plugin, usedBy } of rows) {
        const lines: readonly (readonly [string, string])[] = [
          ["Plugin", "problem" in plugin ? plugin.problem : `${plugin.side} ${plugin.type} "${plugin.name}"`],
          ["Digest", locked.treeSha256],
          ["Provenance", describeProvenance(locked.provenance)],
          ...(flags.config.length === 0
            ? []
            : [["Used by", usedBy.length === 0 ? "no plugin" : usedBy.join(", ")] as const]),
        ];
        io.stdout.write(`${printPackageId(locked)}\n`);
        for (const [head, text] of lines) io.stdout.write(`  ${head.padEnd(11)}: ${text}\n`);
      }
      return 0;
    }),
});

/** What it is, by its manifest; a package that is not in the store is listed all the same. */
function pluginOf(locked: LockedPackage, store: string) {
  try {
    const { side, type, name } = readManifest(openStored(locked, store));
    return { side, type, name };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}
