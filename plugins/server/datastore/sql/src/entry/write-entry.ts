import { randomUUID } from "node:crypto";
import type { datastore } from "@finial/sdk/server";
import { corrupt, failedPrecondition, recordNotFound } from "../errors.ts";
import { tellEntryChanged } from "../events.ts";
import { selectorPairs } from "../selector-list.ts";
import type { Row, Transaction } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";
import { toTrustDomainId } from "../trust-domain-column.ts";
import { checkEntry, checkEntryUpdate, checkOneSelectorType } from "./check-entry.ts";
import { encodeAttributes, toColumns } from "./entry-row.ts";
import { deleteEntryRow, findEntry, type StoredEntry, selectEntries } from "./entry-table.ts";

/** An entry that is there now; `existing` when a similar one already was. */
export interface CreatedEntry {
  readonly entry: datastore.Entry;
  readonly existing: boolean;
}

/** @throws {StatusError} InvalidArgument, AlreadyExists for a taken id, FailedPrecondition for an unknown bundle. */
export async function createEntry(transaction: Transaction, entry: datastore.Entry): Promise<CreatedEntry> {
  checkEntry(entry);
  const similar = await findSimilar(transaction, entry);
  if (similar !== undefined) return { entry: similar.entry, existing: true };
  const now = toTimeColumn(transaction.now);
  const columns = {
    created_at: now,
    updated_at: now,
    entry_id: entry.id === "" ? randomUUID() : entry.id,
    revision_number: 0,
    ...toColumns(entry),
    additional_attributes: encodeAttributes(entry),
  };
  const names = Object.keys(columns);
  const { lastId: id } = await transaction.run(
    `INSERT INTO registered_entries (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    ...Object.values(columns),
  );
  const federatesWith = await insertFederatesWith(transaction, id, entry.federatesWith);
  await insertSelectors(transaction, id, entry.selectors);
  await insertDnsNames(transaction, id, entry.dnsNames);
  await tellEntryChanged(transaction, columns.entry_id);
  const createdAt = Math.round(transaction.now.getTime() / 1000);
  const created = { ...entry, id: columns.entry_id, federatesWith, revisionNumber: 0, createdAt };
  return { entry: created, existing: false };
}

/** @throws {StatusError} InvalidArgument, NotFound, FailedPrecondition for an unknown bundle. */
export async function updateEntry(
  transaction: Transaction,
  entry: datastore.Entry,
  mask: datastore.EntryMask,
): Promise<datastore.Entry> {
  checkEntryUpdate(entry, mask);
  const held = await findEntry(transaction, entry.id);
  if (held === undefined) throw recordNotFound();
  const next = merged(held.entry, entry, mask);
  if (next.storeSvid) checkOneSelectorType(next.selectors);
  await saveColumns(transaction, { id: held.id, entry: next }, mask);
  if (mask.selectors) {
    await transaction.run("DELETE FROM selectors WHERE registered_entry_id = ?", held.id);
    await insertSelectors(transaction, held.id, next.selectors);
  }
  if (mask.dnsNames) {
    await transaction.run("DELETE FROM dns_names WHERE registered_entry_id = ?", held.id);
    await insertDnsNames(transaction, held.id, next.dnsNames);
  }
  if (mask.federatesWith) {
    await transaction.run(
      "DELETE FROM federated_registration_entries WHERE registered_entry_id = ?",
      held.id,
    );
    await insertFederatesWith(transaction, held.id, next.federatesWith);
  }
  await tellEntryChanged(transaction, entry.id);
  const updated = await findEntry(transaction, entry.id);
  if (updated === undefined) throw corrupt("an updated entry is not there");
  return updated.entry;
}

/** @throws {StatusError} NotFound. */
export async function deleteEntry(transaction: Transaction, entryId: string): Promise<datastore.Entry> {
  const held = await findEntry(transaction, entryId);
  if (held === undefined) throw recordNotFound();
  await deleteStored(transaction, held);
  return held.entry;
}

/** Deletes entries that expired before; the deleted ones. */
export async function pruneEntries(
  transaction: Transaction,
  expiresBefore: number,
): Promise<datastore.Entry[]> {
  const expired = await selectEntries(transaction, {
    text: "e.expiry <> 0 AND e.expiry < ?",
    parameters: [expiresBefore],
  });
  for (const each of expired) await deleteStored(transaction, each);
  return expired.map(({ entry }) => entry);
}

async function deleteStored(transaction: Transaction, { id, entry }: StoredEntry): Promise<void> {
  await deleteEntryRow(transaction, id);
  await tellEntryChanged(transaction, entry.id);
}

/** The entry with the same parent, SPIFFE ID and set of selectors. */
async function findSimilar(
  transaction: Transaction,
  { parentId, spiffeId, selectors }: datastore.Entry,
): Promise<StoredEntry | undefined> {
  const rows = await transaction.all<Row & datastore.Selector & { readonly id: number }>(
    `SELECT e.id, s.type, s.value FROM registered_entries e JOIN selectors s ON s.registered_entry_id = e.id
     WHERE e.parent_id = ? AND e.spiffe_id = ? ORDER BY e.id`,
    parentId,
    spiffeId,
  );
  if (rows.length === 0) return undefined;
  const wanted = selectorKeys(selectors);
  for (const [id, held] of Map.groupBy(rows, (row) => row.id)) {
    const keys = selectorKeys(held);
    if (keys.size !== wanted.size || !keys.isSubsetOf(wanted)) continue;
    const [similar] = await selectEntries(transaction, { text: "e.id = ?", parameters: [id] });
    return similar;
  }
  return undefined;
}

function selectorKeys(selectors: readonly datastore.Selector[]): ReadonlySet<string> {
  return new Set(selectorPairs(selectors).map((pair) => JSON.stringify(pair)));
}

function merged(held: datastore.Entry, entry: datastore.Entry, mask: datastore.EntryMask): datastore.Entry {
  const wanted = Object.entries(mask).filter(([, isWanted]) => isWanted);
  const changes = wanted.map(([field]) => [field, entry[field as keyof datastore.EntryMask]]);
  return { ...held, ...Object.fromEntries(changes), revisionNumber: held.revisionNumber + 1 };
}

async function saveColumns(
  transaction: Transaction,
  { id, entry }: StoredEntry,
  mask: datastore.EntryMask,
): Promise<void> {
  const hasNewAttributes = mask.disableX509SvidPrefetch || mask.jwtSvidIncludeJti;
  const columns = {
    updated_at: toTimeColumn(transaction.now),
    revision_number: entry.revisionNumber,
    ...toColumns(entry),
    // A later release may keep more in there than is known here: left alone unless it is meant.
    ...(hasNewAttributes ? { additional_attributes: encodeAttributes(entry) } : {}),
  };
  const sets = Object.keys(columns).map((name) => `${name} = ?`);
  await transaction.run(
    `UPDATE registered_entries SET ${sets.join(", ")} WHERE id = ?`,
    ...Object.values(columns),
    id,
  );
}

async function insertSelectors(
  transaction: Transaction,
  id: number,
  selectors: readonly datastore.Selector[],
): Promise<void> {
  const now = toTimeColumn(transaction.now);
  for (const { type, value } of selectors)
    await transaction.run(
      "INSERT INTO selectors (created_at, updated_at, registered_entry_id, type, value) VALUES (?, ?, ?, ?, ?)",
      now,
      now,
      id,
      type,
      value,
    );
}

async function insertDnsNames(transaction: Transaction, id: number, names: readonly string[]): Promise<void> {
  const now = toTimeColumn(transaction.now);
  for (const name of names)
    await transaction.run(
      "INSERT INTO dns_names (created_at, updated_at, registered_entry_id, value) VALUES (?, ?, ?, ?)",
      now,
      now,
      id,
      name,
    );
}

/** The trust domains as they will be read: each once, in the order of the bundles. */
async function insertFederatesWith(
  transaction: Transaction,
  id: number,
  trustDomains: readonly string[],
): Promise<string[]> {
  const bundles: { readonly id: number; readonly trustDomain: string }[] = [];
  for (const trustDomain of new Set(trustDomains)) {
    const trustDomainId = toTrustDomainId(trustDomain);
    const bundle = await transaction.first<Row & { readonly id: number }>(
      "SELECT id FROM bundles WHERE trust_domain = ?",
      trustDomainId,
    );
    if (bundle === undefined)
      throw failedPrecondition("BUNDLE_UNKNOWN", `unable to find federated bundle "${trustDomainId}"`);
    await transaction.run(
      "INSERT INTO federated_registration_entries (bundle_id, registered_entry_id) VALUES (?, ?)",
      bundle.id,
      id,
    );
    bundles.push({ id: bundle.id, trustDomain });
  }
  return bundles.sort((one, other) => one.id - other.id).map(({ trustDomain }) => trustDomain);
}
