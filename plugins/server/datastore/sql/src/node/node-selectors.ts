import type { datastore } from "@finial/sdk/server";
import type { Row, Sql, Transaction } from "../sql.ts";
import { toTimeColumn } from "../time-column.ts";

type SelectorRow = Row & datastore.Selector & { readonly spiffe_id: string };

/** The selectors of nodes, by SPIFFE ID; nodes without any are not in it. */
export async function selectorsOf(
  sql: Sql,
  spiffeIds: readonly string[],
): Promise<ReadonlyMap<string, datastore.Selector[]>> {
  if (spiffeIds.length === 0) return new Map();
  const rows = await sql.all<SelectorRow>(
    `SELECT spiffe_id, type, value FROM node_resolver_map_entries WHERE ${sql.text.oneOf("spiffe_id")} ORDER BY id`,
    sql.text.listParameter(spiffeIds),
  );
  const selectors = new Map<string, datastore.Selector[]>();
  for (const { spiffe_id, type, value } of rows) {
    const list = selectors.get(spiffe_id) ?? [];
    list.push({ type, value });
    selectors.set(spiffe_id, list);
  }
  return selectors;
}

export async function deleteSelectors(transaction: Transaction, spiffeId: string): Promise<void> {
  await transaction.run("DELETE FROM node_resolver_map_entries WHERE spiffe_id = ?", spiffeId);
}

/** Replaces a node's selectors. @throws {StatusError} AlreadyExists when one is given twice. */
export async function setSelectors(
  transaction: Transaction,
  spiffeId: string,
  selectors: readonly datastore.Selector[],
): Promise<void> {
  await deleteSelectors(transaction, spiffeId);
  const now = toTimeColumn(transaction.now);
  for (const { type, value } of selectors)
    await transaction.run(
      "INSERT INTO node_resolver_map_entries (created_at, updated_at, spiffe_id, type, value) VALUES (?, ?, ?, ?, ?)",
      now,
      now,
      spiffeId,
      type,
      value,
    );
}

/** Nodes' selectors, node by node in the order of SPIFFE IDs. @param validAt only of nodes that expire after. */
export async function* listSelectors(
  sql: Sql,
  validAt: Date | undefined,
): AsyncGenerator<ReadonlyMap<string, readonly datastore.Selector[]>> {
  const isValid =
    validAt === undefined
      ? ""
      : `AND s.spiffe_id IN (SELECT n.spiffe_id FROM attested_node_entries n WHERE ${sql.text.after("n.expires_at")})`;
  for (let last = ""; ; ) {
    const rows = await sql.all<Row & { readonly spiffe_id: string }>(
      `SELECT DISTINCT s.spiffe_id FROM node_resolver_map_entries s WHERE s.spiffe_id > ? ${isValid}
       ORDER BY s.spiffe_id LIMIT ?`,
      last,
      ...(validAt === undefined ? [] : sql.text.afterParameters(validAt)),
      nodesPerPart,
    );
    if (rows.length === 0) return;
    const ids = rows.map(({ spiffe_id }) => spiffe_id);
    yield await selectorsOf(sql, ids);
    last = ids.at(-1) ?? last;
  }
}

const nodesPerPart = 250;
