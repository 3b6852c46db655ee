import { datastore } from "@finial/sdk/server";
import { deleteEntryRow } from "../entry/entry-table.ts";
import { failedPrecondition } from "../errors.ts";
import { tellEntryChanged } from "../events.ts";
import type { Row, Transaction } from "../sql.ts";
import { getBundle } from "./bundle-table.ts";

/** @throws {StatusError} NotFound, or FailedPrecondition while entries federate with it, unless the mode says what to do. */
export async function deleteBundle(
  transaction: Transaction,
  trustDomainId: string,
  mode: datastore.DeleteBundleRequest_Mode,
): Promise<void> {
  const { id } = await getBundle(transaction, trustDomainId);
  const entries = await transaction.all<Row & { readonly id: number; readonly entry_id: string }>(
    `SELECT e.id, e.entry_id FROM federated_registration_entries f
     JOIN registered_entries e ON e.id = f.registered_entry_id WHERE f.bundle_id = ?`,
    id,
  );
  const { DELETE, DISSOCIATE } = datastore.DeleteBundleRequest_Mode;
  if (entries.length > 0 && mode !== DELETE && mode !== DISSOCIATE)
    throw failedPrecondition(
      "BUNDLE_IN_USE",
      `cannot delete bundle; federated with ${entries.length} registration entries`,
    );
  for (const entry of entries) {
    if (mode === DELETE) await deleteEntryRow(transaction, entry.id);
    await tellEntryChanged(transaction, entry.entry_id);
  }
  await transaction.run("DELETE FROM federated_registration_entries WHERE bundle_id = ?", id);
  await transaction.run("DELETE FROM bundles WHERE id = ?", id);
}
