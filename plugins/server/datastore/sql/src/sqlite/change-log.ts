import { keptChanges } from "../change/change-table.ts";
import type { Row, Transaction } from "../sql.ts";

/** An object of ours in the schema, and the statement that makes it. */
type OwnObject = readonly [name: string, statement: string];

function onChange(
  name: string,
  table: string,
  kind: string,
  events: readonly ("INSERT" | "UPDATE" | "DELETE")[],
  column: string,
): OwnObject[] {
  return events.map((event) => {
    const row = event === "DELETE" ? "OLD" : "NEW";
    const trigger = `finial_${name}_${event.toLowerCase()}`;
    return [
      trigger,
      `CREATE TRIGGER ${trigger} AFTER ${event} ON "${table}"
BEGIN INSERT INTO finial_changes (kind, name) VALUES ('${kind}', COALESCE(${row}.${column}, '')); END`,
    ];
  });
}

/**
 * Our own table beside SPIRE's: every change in commit order, one revision each. Triggers write it, so that the writes of a
 * SPIRE server on the same database are in it, too, in their own transaction. SPIRE tells of changed entries and nodes by its
 * event tables, except when it deletes a bundle: then entries vanish or lose it without an event. Bundles and relationships
 * speak for themselves.
 */
const table = `CREATE TABLE IF NOT EXISTS finial_changes (revision integer primary key autoincrement, kind text NOT NULL, name text NOT NULL)`;

/** Made anew when another release wrote them, or when they went with a table that was rebuilt. */
const objects: readonly OwnObject[] = [
  [
    "finial_changes_opened",
    `CREATE INDEX finial_changes_opened ON finial_changes (revision) WHERE kind = 'opened'`,
  ],
  [
    // The last opening stays for ever: it names the history.
    "finial_changes_kept",
    `CREATE TRIGGER finial_changes_kept AFTER INSERT ON finial_changes
BEGIN DELETE FROM finial_changes WHERE revision <= NEW.revision - ${keptChanges}
AND revision <> (SELECT MAX(revision) FROM finial_changes WHERE kind = 'opened'); END`,
  ],
  ...onChange("entry", "registered_entries_events", "entry", ["INSERT"], "entry_id"),
  ...onChange("entry_row", "registered_entries", "entry", ["DELETE"], "entry_id"),
  [
    "finial_entry_bundle_delete",
    `CREATE TRIGGER finial_entry_bundle_delete AFTER DELETE ON federated_registration_entries
BEGIN INSERT INTO finial_changes (kind, name)
SELECT 'entry', entry_id FROM registered_entries WHERE id = OLD.registered_entry_id AND entry_id IS NOT NULL; END`,
  ],
  ...onChange("node", "attested_node_entries_events", "node", ["INSERT"], "spiffe_id"),
  ...onChange("bundle", "bundles", "bundle", ["INSERT", "UPDATE", "DELETE"], "trust_domain"),
  ...onChange(
    "federation",
    "federated_trust_domains",
    "federation",
    ["INSERT", "UPDATE", "DELETE"],
    "trust_domain",
  ),
  [
    // SPIRE's indexes know the parent or the SPIFFE ID; many entries may share either, and looking for similar ones needs both.
    "finial_registered_entries_parent_spiffe",
    `CREATE INDEX finial_registered_entries_parent_spiffe ON registered_entries (parent_id, spiffe_id)`,
  ],
];

/** Makes what is ours in the schema, and nothing when it is there. What a later release added stays. */
export async function makeOwnObjects(transaction: Transaction): Promise<void> {
  await transaction.run(table);
  const rows = await transaction.all<
    Row & { readonly type: string; readonly name: string; readonly sql: string }
  >("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND name GLOB 'finial_*'");
  const held = new Map(rows.map((row) => [row.name, row]));
  for (const [name, statement] of objects) {
    const row = held.get(name);
    if (row?.sql === statement) continue;
    if (row !== undefined) await transaction.run(`DROP ${row.type} "${name}"`);
    await transaction.run(statement);
  }
}
