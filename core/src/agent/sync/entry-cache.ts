import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { CachedX509Svid, Identity } from "../cache/workload-update.ts";

/** All entries, as the server has them now. */
export interface EntryUpdate {
  /** By ID. */
  readonly entries: ReadonlyMap<string, AuthorizedEntry>;
  /** Names of trust domains whose bundles are others than at the last update. */
  readonly changedBundles: ReadonlySet<string>;
  /** Whether an SVID should be renewed. */
  readonly isDue: (svid: CachedX509Svid) => boolean;
}

/** An entry that needs a new X.509-SVID. */
export interface StaleEntry {
  readonly entry: AuthorizedEntry;
  /** Of the SVID it has; undefined when it has none. */
  readonly expiresAt: Date | undefined;
}

/** What the sync asks of a cache of entries and their X.509-SVIDs. */
export interface EntryCache {
  /** Takes the place of all entries. */
  updateEntries(update: EntryUpdate): void;
  /** SVIDs with the entries they were made for, which may be others by now. */
  updateSvids(identities: readonly Identity[]): void;
  /** Those that need an SVID, the most urgent first. */
  staleEntries(): readonly StaleEntry[];
  idsWithSvid(): readonly string[];
  /** Renews those of these entries' SVIDs that were signed by a tainted authority. @returns how many there were. */
  taint(ids: readonly string[], isTainted: (svid: CachedX509Svid) => boolean): number;
}
