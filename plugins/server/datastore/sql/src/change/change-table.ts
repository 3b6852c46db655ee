import { randomUUID } from "node:crypto";
import type { Row, Sql, Transaction } from "../sql.ts";

/** How many changes are kept for readers that come back; older ones cost them a full load. */
export const keptChanges = 100_000;

/** One row of our change log. Names are as in the tables: trust domains of bundles are IDs. */
export type ChangeRow = Row & {
  readonly revision: number;
  /** `entry`, `node`, `bundle`, `federation`; or `opened`, whose name is an epoch. */
  readonly kind: string;
  readonly name: string;
};

/** A place in the history of one database. */
export interface Place {
  readonly epoch: string;
  readonly revision: number;
}

/** Marks that a process opened the database, so that histories that part by a restored backup can be told apart. */
export async function markOpened(transaction: Transaction): Promise<void> {
  await transaction.run("INSERT INTO finial_changes (kind, name) VALUES ('opened', ?)", randomUUID());
}

/** Where the history is now. */
export async function currentPlace(sql: Sql): Promise<Place> {
  const last = await sql.first<Row & { readonly revision: number | null }>(
    "SELECT MAX(revision) AS revision FROM finial_changes",
  );
  const opened = await sql.first<ChangeRow>(
    "SELECT * FROM finial_changes WHERE kind = 'opened' ORDER BY revision DESC LIMIT 1",
  );
  return { epoch: opened?.name ?? "", revision: last?.revision ?? 0 };
}

/**
 * Whether a reader that stopped at a place can go on from there. A backup that was restored since lacks the reader's epoch,
 * or was opened anew before its revision.
 */
export async function isReachable(sql: Sql, place: Place, current: Place): Promise<boolean> {
  if (place.revision > current.revision || place.revision < current.revision - keptChanges) return false;
  const opened = await sql.all<ChangeRow>(
    `SELECT * FROM finial_changes WHERE kind = 'opened' AND revision >=
     (SELECT revision FROM finial_changes WHERE kind = 'opened' AND name = ?) ORDER BY revision LIMIT 2`,
    place.epoch,
  );
  const [own, next] = opened;
  return own !== undefined && (next === undefined || next.revision > place.revision);
}

export async function changesAfter(sql: Sql, revision: number, limit: number): Promise<ChangeRow[]> {
  return await sql.all<ChangeRow>(
    "SELECT revision, kind, name FROM finial_changes WHERE revision > ? ORDER BY revision LIMIT ?",
    revision,
    limit,
  );
}
