import type { Clock, Logger } from "@finial/sdk";
import { formatSelector, type Selector, selectorSet } from "@finial/sdk/spiffe";
import type { EntryCache, EntryUpdate, StaleEntry } from "../sync/entry-cache.ts";
import { type AuthorizedEntry, isSameEntry } from "./authorized-entry.ts";
import type { BundleCache } from "./bundle-cache.ts";
import { EntryRecord } from "./entry-record.ts";
import { SelectorIndex } from "./selector-index.ts";
import { Subscription } from "./subscription.ts";
import type { CachedX509Svid, Identity, WorkloadUpdate } from "./workload-update.ts";

export interface WorkloadCacheOptions {
  readonly bundles: BundleCache;
  /** How many X.509-SVIDs to keep; those that a workload is using are kept whatever their number. */
  readonly maxSize: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The agent's entries, their X.509-SVIDs, and the workloads that watch them. */
export class WorkloadCache implements EntryCache {
  readonly #options: WorkloadCacheOptions;
  readonly #records = new Map<string, EntryRecord>();
  readonly #index = new SelectorIndex();
  readonly #subscriptions = new Set<Subscription>();
  readonly #stale = new Set<EntryRecord>();
  #onWanted = (): void => {};
  #svidCount = 0;

  constructor(options: WorkloadCacheOptions) {
    this.#options = options;
  }

  get svidCount(): number {
    return this.#svidCount;
  }

  get entryCount(): number {
    return this.#records.size;
  }

  /** How many workloads watch. */
  get subscriptionCount(): number {
    return this.#subscriptions.size;
  }

  /** Called when a workload waits for an SVID that nobody has asked for yet. */
  onWanted(react: () => void): void {
    this.#onWanted = react;
  }

  /** Entries whose selectors the workload holds, in the order of their IDs. */
  matching(selectors: readonly Selector[]): readonly AuthorizedEntry[] {
    return sorted(this.#index.matching(selectorSet(selectors))).map(({ entry }) => entry);
  }

  /** What a workload with these selectors may know now, without waiting for SVIDs. */
  snapshot(selectors: readonly Selector[]): WorkloadUpdate {
    return this.#build(this.#index.matching(selectorSet(selectors)));
  }

  /** Iterate the result, or the workload counts as one for ever. */
  subscribe(selectors: readonly Selector[], { signal }: { readonly signal: AbortSignal }): Subscription {
    const subscription = new Subscription({
      held: selectorSet(selectors),
      signal,
      build: ({ records }) => this.#build(records),
      end: (ended) => this.#unsubscribe(ended),
    });
    this.#subscriptions.add(subscription);
    for (const record of this.#index.matching(subscription.held)) link(record, subscription);
    const now = this.#options.clock.now().getTime();
    let wanted = false;
    for (const record of subscription.records) {
      record.lastAccessMs = now;
      if (record.isReady) continue;
      this.#stale.add(record);
      wanted = true;
    }
    if (wanted) this.#onWanted();
    return subscription;
  }

  /** Takes the place of all entries, tells the workloads concerned, and makes room. */
  updateEntries(update: EntryUpdate): void {
    const { entries, changedBundles } = update;
    const concerned = new Set<Subscription>();
    for (const record of [...this.#records.values()])
      if (!entries.has(record.id)) this.#remove(record, concerned);
    for (const entry of entries.values()) {
      const record = this.#records.get(entry.id);
      if (record === undefined) this.#add(entry, concerned);
      else if (!isSameEntry(record.entry, entry)) this.#replace(record, entry, concerned);
      if (entry.federatesWith.some(({ name }) => changedBundles.has(name)))
        addAll(concerned, this.#records.get(entry.id)?.subscriptions);
    }
    this.fill();
    this.#evict();
    for (const record of this.#records.values())
      if (record.svid !== undefined && update.isDue(record.svid)) this.#stale.add(record);
    const all = changedBundles.has(this.#options.bundles.own.trustDomain.name);
    for (const subscription of all ? [...this.#subscriptions] : concerned) subscription.notify();
  }

  /** Each takes the place of the entry's old one. */
  updateSvids(identities: readonly Identity[]): void {
    const concerned = new Set<Subscription>();
    for (const { entry, svid } of identities) {
      const record = this.#records.get(entry.id);
      // By the time its SVID comes, an entry may be gone, or have another ID.
      if (record === undefined || !record.entry.spiffeId.equals(entry.spiffeId)) continue;
      if (record.svid === undefined) this.#svidCount++;
      record.svid = svid;
      record.tainted = false;
      if (isSameEntry(record.entry, entry)) this.#stale.delete(record);
      addAll(concerned, record.subscriptions);
      this.#options.logger.debug("SVID updated", fieldsOf(record));
    }
    for (const subscription of concerned) subscription.notify();
  }

  /** Has SVIDs made for entries that workloads wait for, and for others while there is room. */
  fill(): void {
    for (const record of this.#records.values())
      if (!record.isReady && record.subscriptions.size > 0) this.#stale.add(record);
    const room = this.#options.maxSize - this.#svidCount;
    for (const record of this.#records.values()) {
      if (this.#stale.size >= room) break;
      if (record.svid === undefined && !record.entry.disableX509SvidPrefetch) this.#stale.add(record);
    }
  }

  /** Entries that need an SVID: those that a workload waits for first, then those whose SVID expires soonest. */
  staleEntries(): readonly StaleEntry[] {
    const rank = (record: EntryRecord): number => {
      if (record.subscriptions.size > 0 && !record.isReady) return Number.NEGATIVE_INFINITY;
      return record.svid?.leaf.notAfter.getTime() ?? Number.POSITIVE_INFINITY;
    };
    return [...this.#stale]
      .map((record) => ({ record, rank: rank(record) }))
      .sort((left, right) => (left.rank === right.rank ? 0 : left.rank - right.rank))
      .map(({ record: { entry, svid } }) => ({ entry, expiresAt: svid?.leaf.notAfter }));
  }

  /** IDs of the entries that have an SVID. */
  idsWithSvid(): readonly string[] {
    return [...this.#records.values()].filter(({ svid }) => svid !== undefined).map(({ id }) => id);
  }

  taint(ids: readonly string[], isTainted: (svid: CachedX509Svid) => boolean): number {
    let count = 0;
    for (const id of ids) {
      const record = this.#records.get(id);
      if (record?.svid === undefined || !isTainted(record.svid)) continue;
      record.tainted = true;
      this.#stale.add(record);
      count++;
    }
    return count;
  }

  #add(entry: AuthorizedEntry, concerned: Set<Subscription>): void {
    const record = new EntryRecord(entry);
    this.#records.set(entry.id, record);
    this.#link(record, concerned);
    this.#options.logger.debug("Entry created", fieldsOf(record));
  }

  #remove(record: EntryRecord, concerned: Set<Subscription>): void {
    this.#unlink(record, concerned);
    this.#records.delete(record.id);
    this.#dropSvid(record);
    this.#options.logger.debug("Entry removed", fieldsOf(record));
  }

  #replace(record: EntryRecord, entry: AuthorizedEntry, concerned: Set<Subscription>): void {
    const before = record.entry;
    const selectors = textOf(before) !== textOf(entry);
    if (selectors) this.#unlink(record, concerned);
    record.entry = entry;
    if (selectors) this.#link(record, concerned);
    if (selectors || federationOf(before) !== federationOf(entry)) {
      addAll(concerned, record.subscriptions);
      this.#options.logger.debug("Entry updated", fieldsOf(record));
    }
    // Who holds the selectors now may not be who the SVID was made for.
    if (!before.spiffeId.equals(entry.spiffeId)) this.#dropSvid(record);
    // What the SVID says may have changed with the entry.
    else if (record.svid !== undefined) this.#stale.add(record);
  }

  #link(record: EntryRecord, concerned: Set<Subscription>): void {
    this.#index.add(record);
    for (const subscription of this.#subscriptions)
      if (record.matches(subscription.held)) link(record, subscription);
    addAll(concerned, record.subscriptions);
  }

  #unlink(record: EntryRecord, concerned: Set<Subscription>): void {
    this.#index.delete(record);
    addAll(concerned, record.subscriptions);
    for (const subscription of record.subscriptions) subscription.records.delete(record);
    record.subscriptions.clear();
  }

  #unsubscribe(subscription: Subscription): void {
    this.#subscriptions.delete(subscription);
    for (const record of subscription.records) record.subscriptions.delete(subscription);
    subscription.records.clear();
  }

  /** Forgets the SVIDs asked for the longest ago. */
  #evict(): void {
    let surplus = this.#svidCount - this.#options.maxSize;
    if (surplus <= 0) return;
    const unused = [...this.#records.values()]
      .filter(({ svid, subscriptions }) => svid !== undefined && subscriptions.size === 0)
      .sort((left, right) => left.lastAccessMs - right.lastAccessMs);
    for (const record of unused) {
      if (surplus-- <= 0) return;
      this.#dropSvid(record);
    }
  }

  #dropSvid(record: EntryRecord): void {
    if (record.svid !== undefined) this.#svidCount--;
    record.svid = undefined;
    record.tainted = false;
    this.#stale.delete(record);
  }

  #build(records: Iterable<EntryRecord>): WorkloadUpdate {
    const { bundles, logger } = this.#options;
    const identities: Identity[] = [];
    const federatedBundles = new Map();
    for (const { entry, svid } of sorted(records)) {
      if (svid === undefined) continue;
      identities.push({ entry, svid });
      for (const trustDomain of entry.federatesWith) {
        const bundle = bundles.find(trustDomain);
        if (bundle !== undefined) federatedBundles.set(trustDomain.name, bundle);
        else
          logger.warn("Federated bundle contents missing", {
            entry_id: entry.id,
            spiffe_id: entry.spiffeId.toString(),
            federated_bundle: trustDomain.idText,
          });
      }
    }
    return { identities, bundle: bundles.own, federatedBundles };
  }
}

function link(record: EntryRecord, subscription: Subscription): void {
  record.subscriptions.add(subscription);
  subscription.records.add(record);
}

function sorted(records: Iterable<EntryRecord>): readonly EntryRecord[] {
  return [...records].sort((left, right) => (left.id < right.id ? -1 : 1));
}

function addAll<T>(set: Set<T>, items: Iterable<T> = []): void {
  for (const item of items) set.add(item);
}

function textOf({ selectors }: AuthorizedEntry): string {
  return selectors.map(formatSelector).sort().join("\0");
}

function federationOf({ federatesWith }: AuthorizedEntry): string {
  return federatesWith
    .map(({ name }) => name)
    .sort()
    .join();
}

function fieldsOf({ id, entry }: EntryRecord): { readonly entry: string; readonly spiffe_id: string } {
  return { entry: id, spiffe_id: entry.spiffeId.toString() };
}
