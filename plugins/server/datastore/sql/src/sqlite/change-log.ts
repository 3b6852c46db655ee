import { keptChanges } from "../change/change-table.ts";

function onChange(
  name: string,
  table: string,
  kind: string,
  events: readonly ("INSERT" | "UPDATE" | "DELETE")[],
  column: string,
): string[] {
  return events.map((event) => {
    const row = event === "DELETE" ? "OLD" : "NEW";
    return `CREATE TRIGGER IF NOT EXISTS finial_${name}_${event.toLowerCase()} AFTER ${event} ON "${table}"
BEGIN INSERT INTO finial_changes (kind, name) VALUES ('${kind}', COALESCE(${row}.${column}, '')); END`;
  });
}

/**
 * Our own table beside SPIRE's: every change in commit order, one revision each. Triggers write it, so that the writes of a
 * SPIRE server on the same database are in it, too, in their own transaction. SPIRE tells of changed entries and nodes by its
 * event tables, except when it deletes a bundle: then entries vanish or lose it without an event. Bundles and relationships
 * speak for themselves.
 */
export const changeLog: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS finial_changes (revision integer primary key autoincrement, kind text NOT NULL, name text NOT NULL)`,
  `CREATE INDEX IF NOT EXISTS finial_changes_opened ON finial_changes (revision) WHERE kind = 'opened'`,
  `CREATE TRIGGER IF NOT EXISTS finial_changes_kept AFTER INSERT ON finial_changes
BEGIN DELETE FROM finial_changes WHERE revision <= NEW.revision - ${keptChanges} AND kind <> 'opened'; END`,
  ...onChange("entry", "registered_entries_events", "entry", ["INSERT"], "entry_id"),
  ...onChange("entry_row", "registered_entries", "entry", ["DELETE"], "entry_id"),
  `CREATE TRIGGER IF NOT EXISTS finial_entry_bundle_delete AFTER DELETE ON federated_registration_entries
BEGIN INSERT INTO finial_changes (kind, name)
SELECT 'entry', entry_id FROM registered_entries WHERE id = OLD.registered_entry_id AND entry_id IS NOT NULL; END`,
  ...onChange("node", "attested_node_entries_events", "node", ["INSERT"], "spiffe_id"),
  ...onChange("bundle", "bundles", "bundle", ["INSERT", "UPDATE", "DELETE"], "trust_domain"),
  ...onChange(
    "federation",
    "federated_trust_domains",
    "federation",
    ["INSERT", "UPDATE", "DELETE"],
    "trust_domain",
  ),
];

/** SPIRE's indexes know the parent or the SPIFFE ID; many entries may share either, so looking for similar ones needs both. */
export const ownIndexes: readonly string[] = [
  `CREATE INDEX IF NOT EXISTS finial_registered_entries_parent_spiffe ON registered_entries (parent_id, spiffe_id)`,
];
