import type { datastore } from "@finial/sdk/server";
import { recordNotFound } from "../errors.ts";
import type { Condition } from "../list-match.ts";
import type { Row, Sql, SqlValue, Transaction } from "../sql.ts";
import { fromTimeColumn, secondsToTimeColumn, toSeconds, toTimeColumn } from "../time-column.ts";

/** A node and the id of its row. */
export interface StoredNode {
  readonly id: number;
  readonly node: datastore.Node;
}

type NodeRow = Row & {
  readonly id: number;
  readonly spiffe_id: string | null;
  readonly data_type: string | null;
  readonly serial_number: string | null;
  readonly expires_at: SqlValue;
  readonly new_serial_number: string | null;
  readonly new_expires_at: SqlValue;
  readonly can_reattest: number | null;
  readonly agent_version: string | null;
};

const columns = `n.id, n.spiffe_id, n.data_type, n.serial_number, n.expires_at, n.new_serial_number, n.new_expires_at,
 n.can_reattest, n.agent_version`;

/** Nodes by a condition on `n`, in the order of their ids, without selectors. */
export async function selectNodes(
  sql: Sql,
  { text, parameters }: Condition,
  limit: number = Number.MAX_SAFE_INTEGER,
): Promise<StoredNode[]> {
  const rows = await sql.all<NodeRow>(
    `SELECT ${columns} FROM attested_node_entries n WHERE ${text} ORDER BY n.id LIMIT ?`,
    ...parameters,
    limit,
  );
  return rows.map((row) => ({ id: row.id, node: toNode(row) }));
}

export async function findNode(sql: Sql, spiffeId: string): Promise<StoredNode | undefined> {
  const [found] = await selectNodes(sql, { text: "n.spiffe_id = ?", parameters: [spiffeId] });
  return found;
}

/** @throws {StatusError} NotFound. */
export async function getNode(sql: Sql, spiffeId: string): Promise<StoredNode> {
  const found = await findNode(sql, spiffeId);
  if (found === undefined) throw recordNotFound();
  return found;
}

/** @throws {StatusError} AlreadyExists. */
export async function insertNode(transaction: Transaction, node: datastore.Node): Promise<void> {
  const now = toTimeColumn(transaction.now);
  const values = { created_at: now, updated_at: now, spiffe_id: node.spiffeId, ...toColumns(node) };
  const names = [...Object.keys(values), "data_type"];
  await transaction.run(
    `INSERT INTO attested_node_entries (${names.join(", ")}) VALUES (${names.map(() => "?").join(", ")})`,
    ...Object.values(values),
    node.attestationType,
  );
}

export async function saveNode(transaction: Transaction, { id, node }: StoredNode): Promise<void> {
  const values = { updated_at: toTimeColumn(transaction.now), ...toColumns(node) };
  const sets = Object.keys(values).map((name) => `${name} = ?`);
  await transaction.run(
    `UPDATE attested_node_entries SET ${sets.join(", ")} WHERE id = ?`,
    ...Object.values(values),
    id,
  );
}

/** What an update may change. */
function toColumns(node: datastore.Node): Readonly<Record<string, SqlValue>> {
  return {
    serial_number: node.serialNumber,
    expires_at: toTimeColumn(new Date(node.expiresAt * 1000)),
    new_serial_number: node.newSerialNumber,
    new_expires_at: secondsToTimeColumn(node.newExpiresAt),
    can_reattest: Number(node.canReattest),
    agent_version: node.agentVersion,
  };
}

function toNode(row: NodeRow): datastore.Node {
  return {
    spiffeId: row.spiffe_id ?? "",
    attestationType: row.data_type ?? "",
    serialNumber: row.serial_number ?? "",
    expiresAt: toSeconds(fromTimeColumn(row.expires_at)),
    newSerialNumber: row.new_serial_number ?? "",
    newExpiresAt: toSeconds(fromTimeColumn(row.new_expires_at)),
    canReattest: Boolean(row.can_reattest),
    agentVersion: row.agent_version ?? "",
    selectors: [],
  };
}
