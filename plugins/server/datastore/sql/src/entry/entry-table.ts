import type { datastore } from "@finial/sdk/server";
import type { Row, Sql, Transaction } from "../sql.ts";
import { fromTrustDomainId } from "../trust-domain-column.ts";
import { type EntryLists, type EntryRow, entryColumns, toEntry } from "./entry-row.ts";

/** An entry and the id of its row. */
export interface StoredEntry {
  readonly id: number;
  readonly entry: datastore.Entry;
}

/** Entries by a condition on `e`, in the order of their ids. */
export async function selectEntries(
  sql: Sql,
  condition: { readonly text: string; readonly parameters: readonly (string | number | Buffer | null)[] },
  limit: number = Number.MAX_SAFE_INTEGER,
): Promise<StoredEntry[]> {
  const rows = await sql.all<EntryRow>(
    `SELECT ${entryColumns} FROM registered_entries e WHERE ${condition.text} ORDER BY e.id LIMIT ?`,
    ...condition.parameters,
    limit,
  );
  return await withLists(sql, rows);
}

export async function findEntry(sql: Sql, entryId: string): Promise<StoredEntry | undefined> {
  const [found] = await selectEntries(sql, { text: "e.entry_id = ?", parameters: [entryId] });
  return found;
}

export async function findEntries(sql: Sql, entryIds: readonly string[]): Promise<StoredEntry[]> {
  return await selectEntries(sql, {
    text: sql.text.oneOf("e.entry_id"),
    parameters: [sql.text.listParameter(entryIds)],
  });
}

/** Deletes an entry and what belongs to it; telling of it is the caller's. */
export async function deleteEntryRow(transaction: Transaction, id: number): Promise<void> {
  for (const table of ["federated_registration_entries", "selectors", "dns_names"])
    await transaction.run(`DELETE FROM ${table} WHERE registered_entry_id = ?`, id);
  await transaction.run("DELETE FROM registered_entries WHERE id = ?", id);
}

type Owned = Row & { readonly owner: number };

async function withLists(sql: Sql, rows: readonly EntryRow[]): Promise<StoredEntry[]> {
  if (rows.length === 0) return [];
  const lists = new Map<number, EntryLists>(
    rows.map(({ id }) => [id, { selectors: [], federatesWith: [], dnsNames: [] }]),
  );
  const owners = sql.text.listParameter([...lists.keys()]);
  const isOwned = sql.text.oneOf("registered_entry_id");
  const selectors = await sql.all<Owned & datastore.Selector>(
    `SELECT registered_entry_id AS owner, type, value FROM selectors WHERE ${isOwned} ORDER BY id`,
    owners,
  );
  for (const { owner, type, value } of selectors) lists.get(owner)?.selectors.push({ type, value });
  const dnsNames = await sql.all<Owned & { readonly value: string }>(
    `SELECT registered_entry_id AS owner, value FROM dns_names WHERE ${isOwned} ORDER BY id`,
    owners,
  );
  for (const { owner, value } of dnsNames) lists.get(owner)?.dnsNames.push(value);
  const federated = await sql.all<Owned & { readonly trust_domain: string }>(
    `SELECT f.registered_entry_id AS owner, b.trust_domain FROM federated_registration_entries f
     JOIN bundles b ON b.id = f.bundle_id WHERE ${sql.text.oneOf("f.registered_entry_id")} ORDER BY b.id`,
    owners,
  );
  for (const { owner, trust_domain } of federated)
    lists.get(owner)?.federatesWith.push(fromTrustDomainId(trust_domain));
  return rows.map((row) => ({ id: row.id, entry: toEntry(row, lists.get(row.id) ?? noLists) }));
}

const noLists: EntryLists = { selectors: [], federatesWith: [], dnsNames: [] };
