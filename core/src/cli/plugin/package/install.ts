import { isExactVersion, parsePackageId } from "../../../kernel/pluginstore/package-id.ts";
import { command } from "../../command.ts";
import type { FlagValues } from "../../flag.ts";
import type { CommandIo } from "../../io.ts";
import type { Installed, Installer } from "./installer.ts";
import { openInstaller } from "./open-installer.ts";
import { printInstalled } from "./print-package.ts";
import { judged, misuseStatus, placesIn, registryFlags, requireLock, storeFlags } from "./store-flags.ts";

const flags = { ...storeFlags, ...registryFlags };

export const pluginInstall = command({
  name: "plugin install",
  synopsis:
    "Brings plugin packages into the store and names them in the lock file; without a package, all that it names",
  operands: "[<package>[@<version>]…]",
  flags,
  misuseStatus,
  run: ({ flags, operands, io }) =>
    judged(io, async () => {
      using installer = openInstaller(flags, io);
      const installed: Installed[] = [];
      for (const install of plan(operands, installer, flags, io)) installed.push(await install());
      printInstalled(installed, flags.output, io.stdout);
      return 0;
    }),
});

function plan(
  operands: readonly string[],
  installer: Installer,
  flags: FlagValues<typeof storeFlags>,
  io: CommandIo,
): readonly (() => Promise<Installed>)[] {
  if (operands.length === 0)
    return requireLock(placesIn(flags, io)).packages.map((locked) => () => installer.restore(locked));
  return operands.map((wanted) => {
    const at = wanted.lastIndexOf("@");
    // What is locked already needs no registry.
    if (at > 0 && isExactVersion(wanted.slice(at + 1))) {
      const id = parsePackageId(wanted);
      return () => installer.install(id);
    }
    return () => installer.add(wanted);
  });
}
