import { recordNotFound } from "../errors.ts";
import type { Row, Sql, Transaction } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";
import { decodeBundle, encodeBundle, type StoredBundle } from "./bundle-blob.ts";

/** A bundle and the id of its row. */
export interface BundleRow {
  readonly id: number;
  readonly bundle: StoredBundle;
}

type Columns = Row & { readonly id: number; readonly data: Buffer | null };

/** @param id the trust domain's: `spiffe://example.org`. */
export async function findBundle(sql: Sql, id: string): Promise<BundleRow | undefined> {
  const row = await sql.first<Columns>("SELECT id, data FROM bundles WHERE trust_domain = ?", id);
  return row === undefined ? undefined : fromRow(row);
}

/** @throws {StatusError} NotFound. */
export async function getBundle(sql: Sql, id: string): Promise<BundleRow> {
  const row = await findBundle(sql, id);
  if (row === undefined) throw recordNotFound();
  return row;
}

export async function listBundles(sql: Sql, after: number, limit: number): Promise<BundleRow[]> {
  const rows = await sql.all<Columns>(
    "SELECT id, data FROM bundles WHERE id > ? ORDER BY id LIMIT ?",
    after,
    limit,
  );
  return rows.map(fromRow);
}

/** @throws {StatusError} AlreadyExists. */
export async function insertBundle(transaction: Transaction, bundle: StoredBundle): Promise<void> {
  const now = toTimeColumn(transaction.now);
  await transaction.run(
    "INSERT INTO bundles (created_at, updated_at, trust_domain, data) VALUES (?, ?, ?, ?)",
    now,
    now,
    bundle.trustDomainId,
    encodeBundle(bundle),
  );
}

export async function saveBundle(transaction: Transaction, { id, bundle }: BundleRow): Promise<void> {
  await transaction.run(
    "UPDATE bundles SET data = ?, updated_at = ? WHERE id = ?",
    encodeBundle(bundle),
    toTimeColumn(transaction.now),
    id,
  );
}

function fromRow({ id, data }: Columns): BundleRow {
  return { id, bundle: decodeBundle(data ?? Buffer.alloc(0)) };
}
