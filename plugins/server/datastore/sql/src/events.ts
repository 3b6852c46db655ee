import type { Transaction } from "./sql.ts";
import { toTimeColumn } from "./time-column.ts";

/** Tells SPIRE servers on the same database, and by a trigger our change log, that an entry is not what it was. */
export async function tellEntryChanged(transaction: Transaction, entryId: string): Promise<void> {
  const now = toTimeColumn(transaction.now);
  await transaction.run(
    "INSERT INTO registered_entries_events (created_at, updated_at, entry_id) VALUES (?, ?, ?)",
    now,
    now,
    entryId,
  );
}

/** The same for a node or its selectors. */
export async function tellNodeChanged(transaction: Transaction, spiffeId: string): Promise<void> {
  const now = toTimeColumn(transaction.now);
  await transaction.run(
    "INSERT INTO attested_node_entries_events (created_at, updated_at, spiffe_id) VALUES (?, ?, ?)",
    now,
    now,
    spiffeId,
  );
}

/** Forgets events that every server has long seen. */
export async function pruneEvents(transaction: Transaction, olderThan: Date): Promise<void> {
  for (const table of ["registered_entries_events", "attested_node_entries_events"])
    await transaction.run(
      `DELETE FROM ${table} WHERE ${transaction.text.before("created_at")}`,
      ...transaction.text.beforeParameters(olderThan),
    );
}
