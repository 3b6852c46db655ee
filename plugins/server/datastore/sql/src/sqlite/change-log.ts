/** How many changes are kept for readers that come back; older ones cost them a full load. */
const keptChanges = 100_000;

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
BEGIN INSERT INTO finial_changes (kind, name) VALUES ('${kind}', ${row}.${column}); END`;
  });
}

/**
 * Our own table beside SPIRE's: every change in commit order, one revision each. Triggers write it, so that the writes of a
 * SPIRE server on the same database are in it, too, in their own transaction. SPIRE tells of changed entries and nodes by its
 * event tables; bundles and relationships speak for themselves.
 */
export const changeLog: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS finial_changes (revision integer primary key autoincrement, kind text NOT NULL, name text NOT NULL)`,
  `CREATE TRIGGER IF NOT EXISTS finial_changes_kept AFTER INSERT ON finial_changes
BEGIN DELETE FROM finial_changes WHERE revision <= NEW.revision - ${keptChanges}; END`,
  ...onChange("entry", "registered_entries_events", "entry", ["INSERT"], "entry_id"),
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
