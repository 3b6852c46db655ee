import { parsePackageId, printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import { command } from "../../command.ts";
import { texts } from "../../flag.ts";
import { usageError } from "../../usage-error.ts";
import { findConfigured } from "./configured-packages.ts";
import type { Installed } from "./installer.ts";
import { openInstaller } from "./open-installer.ts";
import { printInstalled } from "./print-package.ts";
import { judged, misuseStatus, registryFlags, storeFlags } from "./store-flags.ts";

export const pluginLock = command({
  name: "plugin lock",
  synopsis: "Has the lock file name the packages that configurations name: these, and no others",
  flags: {
    ...storeFlags,
    ...registryFlags,
    config: texts("A configuration file of a server or an agent"),
  },
  misuseStatus,
  run: ({ flags, io }) =>
    judged(io, async () => {
      if (flags.config.length === 0)
        throw usageError(
          "name the configurations of all daemons that use this lock file: -config server.conf",
        );
      const configured = findConfigured(flags.config, io).map(({ id }) => printPackageId(id));
      const wanted = [...new Set(configured)].sort();
      using installer = openInstaller(flags, io);
      const installed: Installed[] = [];
      // All of them first: when one cannot be had, the lock file loses none.
      for (const id of wanted) installed.push(await installer.install(parsePackageId(id)));
      const dropped = installer.lock.packages.filter((locked) => !wanted.includes(printPackageId(locked)));
      installer.relock(dropped.reduce((lock, locked) => lock.without(locked), installer.lock));
      for (const locked of dropped)
        io.stderr.write(`Note: ${printPackageId(locked)} is no longer locked: no configuration names it\n`);
      printInstalled(installed, flags.output, io.stdout);
      return 0;
    }),
});
