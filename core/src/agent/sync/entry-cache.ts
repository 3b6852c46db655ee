import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { StaleEntry } from "../cache/workload-cache.ts";
import type { CachedX509Svid } from "../cache/workload-update.ts";

/** What the sync asks of a cache of entries and their X.509-SVIDs. */
export interface EntryCache {
  updateEntries(update: {
    readonly entries: ReadonlyMap<string, AuthorizedEntry>;
    readonly changedBundles: ReadonlySet<string>;
    readonly isDue: (svid: CachedX509Svid) => boolean;
  }): void;
  updateSvids(svids: ReadonlyMap<string, CachedX509Svid>): void;
  /** Those that need an SVID, the most urgent first. */
  staleEntries(): readonly StaleEntry[];
  idsWithSvid(): readonly string[];
  taint(ids: readonly string[], isTainted: (svid: CachedX509Svid) => boolean): number;
}
