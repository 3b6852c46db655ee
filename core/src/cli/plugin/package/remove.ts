import { parsePackageId, printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import { command } from "../../command.ts";
import { printJson } from "../../output.ts";
import { usageError } from "../../usage-error.ts";
import { judged, misuseStatus, placesIn, requireLock, storeFlags } from "./store-flags.ts";
import { removeUnlocked, writeLock } from "./store-folder.ts";

export const pluginRemove = command({
  name: "plugin remove",
  synopsis: "Takes packages out of the lock file, and out of the store what it does not name",
  operands: "[<package>@<version>…]",
  flags: storeFlags,
  misuseStatus,
  run: ({ flags, operands, io }) =>
    judged(io, async () => {
      const places = placesIn(flags, io);
      let lock = requireLock(places);
      const ids = operands.map(parsePackageId);
      for (const id of ids) {
        if (lock.find(id) === undefined)
          throw usageError(`the lock file ${places.lockFile} does not name ${printPackageId(id)}`);
        lock = lock.without(id);
      }
      if (ids.length > 0) writeLock(places.lockFile, lock);
      const removed = removeUnlocked(places.folder, lock);
      if (flags.output === "json")
        printJson({ unlocked: ids.map(printPackageId), removed, kept: lock.packages.length }, io.stdout);
      else
        io.stdout.write(
          `${ids.length} packages taken out of the lock file, ${removed.length} removed from the store, ${lock.packages.length} kept\n`,
        );
      return 0;
    }),
});
