import type { Logger } from "@finial/sdk";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { type AuthorizedEntry, isSameEntry } from "../cache/authorized-entry.ts";
import type { CachedX509Svid, Identity } from "../cache/workload-update.ts";
import type { EntryCache, EntryUpdate, StaleEntry } from "../sync/entry-cache.ts";
import { StoreRecord } from "./store-record.ts";

/** An SVID that is to be put into its store. */
export interface DueSvid extends Identity {
  /** Say so when this one is stored. */
  readonly revision: number;
}

/** A place that no entry names any more. */
export interface AbandonedPlace {
  readonly key: string;
  /** The last one that named it. */
  readonly entry: AuthorizedEntry;
}

export interface StoreCacheOptions {
  readonly trustDomain: TrustDomain;
  readonly logger: Logger;
}

/**
 * Entries whose SVIDs lie in stores. Each place that an entry has named is remembered until it is empty again, whether this
 * agent has put something there or not: an earlier run may have.
 */
export class StoreCache implements EntryCache {
  readonly #options: StoreCacheOptions;
  readonly #records = new Map<string, StoreRecord>();
  readonly #stale = new Set<StoreRecord>();
  /** The last entry that named a place, by the place's key. */
  readonly #places = new Map<string, AuthorizedEntry>();

  constructor(options: StoreCacheOptions) {
    this.#options = options;
  }

  updateEntries({ entries, changedBundles, isDue }: EntryUpdate): void {
    const { trustDomain } = this.#options;
    const left = this.#removeAllBut(entries);
    const allChanged = changedBundles.has(trustDomain.name);
    for (const entry of entries.values()) {
      const { record, isOther } = this.#take(entry, left);
      if (allChanged || entry.federatesWith.some(({ name }) => changedBundles.has(name))) record.revision++;
      if (isOther || record.svid === undefined || isDue(record.svid)) this.#stale.add(record);
    }
    // Who shared a place with another has it alone now, but what lies there may be the other's.
    for (const record of this.#records.values())
      if (record.placeKey !== undefined && left.has(record.placeKey)) record.revision++;
  }

  updateSvids(identities: readonly Identity[]): void {
    for (const { entry, svid } of identities) {
      const record = this.#records.get(entry.id);
      // By the time its SVID comes, an entry may be gone, or have another ID.
      if (record === undefined || !record.entry.spiffeId.equals(entry.spiffeId)) continue;
      record.svid = svid;
      record.revision++;
      if (isSameEntry(record.entry, entry)) this.#stale.delete(record);
      this.#options.logger.debug("SVID updated", fieldsOf(entry));
    }
  }

  staleEntries(): readonly StaleEntry[] {
    const rank = ({ svid }: StoreRecord): number => svid?.leaf.notAfter.getTime() ?? 0;
    return [...this.#stale]
      .sort((left, right) => rank(left) - rank(right))
      .map(({ entry, svid }) => ({ entry, expiresAt: svid?.leaf.notAfter }));
  }

  idsWithSvid(): readonly string[] {
    return [...this.#records].filter(([, { svid }]) => svid !== undefined).map(([id]) => id);
  }

  /** A tainted SVID is not stored again; what lies in the store stays there until there is another. */
  taint(ids: readonly string[], isTainted: (svid: CachedX509Svid) => boolean): number {
    let count = 0;
    for (const id of ids) {
      const record = this.#records.get(id);
      if (record?.svid === undefined || !isTainted(record.svid)) continue;
      record.svid = undefined;
      this.#stale.add(record);
      count++;
    }
    return count;
  }

  /** In the order of entry IDs. */
  dueSvids(): readonly DueSvid[] {
    const due: DueSvid[] = [];
    for (const { isDue, entry, svid, revision } of this.#records.values())
      if (isDue && svid !== undefined) due.push({ entry, svid, revision });
    return due.sort((left, right) => (left.entry.id < right.entry.id ? -1 : 1));
  }

  /** It lies in its store, or never will. */
  settle({ entry, revision }: DueSvid): void {
    const record = this.#records.get(entry.id);
    if (record !== undefined) record.storedRevision = revision;
  }

  abandonedPlaces(): readonly AbandonedPlace[] {
    const named = new Set([...this.#records.values()].map(({ placeKey }) => placeKey));
    return [...this.#places].filter(([key]) => !named.has(key)).map(([key, entry]) => ({ key, entry }));
  }

  /** The place is empty, or never will be. */
  forget({ key, entry }: AbandonedPlace): void {
    // Another may have named it meanwhile.
    if (this.#places.get(key) === entry) this.#places.delete(key);
    if (!this.#records.has(entry.id)) this.#options.logger.debug("Entry removed", fieldsOf(entry));
  }

  /** @returns keys of the places that were left. */
  #removeAllBut(entries: ReadonlyMap<string, AuthorizedEntry>): Set<string | undefined> {
    const left = new Set<string | undefined>();
    for (const [id, record] of this.#records) {
      if (entries.has(id)) continue;
      this.#records.delete(id);
      this.#stale.delete(record);
      left.add(record.placeKey);
      this.#options.logger.debug("Entry marked to be removed", fieldsOf(record.entry));
    }
    return left;
  }

  /** The entry's record, new or brought up to date. */
  #take(
    entry: AuthorizedEntry,
    left: Set<string | undefined>,
  ): { readonly record: StoreRecord; readonly isOther: boolean } {
    const known = this.#records.get(entry.id);
    const before = known?.placeKey;
    const record = known ?? new StoreRecord(entry);
    if (known !== undefined && !known.replace(entry)) return { record, isOther: false };
    this.#records.set(entry.id, record);
    if (record.placeKey !== undefined) this.#places.set(record.placeKey, entry);
    if (record.placeKey !== before) left.add(before);
    this.#options.logger.debug(known === undefined ? "Entry created" : "Entry updated", fieldsOf(entry));
    return { record, isOther: true };
  }
}

function fieldsOf({ id, spiffeId }: AuthorizedEntry): { readonly entry: string; readonly spiffe_id: string } {
  return { entry: id, spiffe_id: spiffeId.toString() };
}
