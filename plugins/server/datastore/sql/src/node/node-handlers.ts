import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";
import { tellNodeChanged } from "../events.ts";
import type { CurrentDatabase, DataStoreHandlers } from "../handlers.ts";
import { allOf } from "../list-match.ts";
import { readInParts } from "../paging.ts";
import type { Row, Sql } from "../sql.ts";
import { deleteNode, pruneNodes } from "./delete-node.ts";
import { toNodeCondition } from "./node-filter.ts";
import { listSelectors, selectorsOf, setSelectors } from "./node-selectors.ts";
import { findNode, getNode, insertNode, type StoredNode, saveNode, selectNodes } from "./node-table.ts";

type NodeRpcs =
  | "createNode"
  | "fetchNode"
  | "listNodes"
  | "countNodes"
  | "updateNode"
  | "deleteNode"
  | "pruneNodes"
  | "setNodeSelectors"
  | "getNodeSelectors"
  | "listNodeSelectors";

const everything: datastore.NodeMask = {
  serialNumber: true,
  expiresAt: true,
  newSerialNumber: true,
  newExpiresAt: true,
  canReattest: true,
  agentVersion: true,
};

export function nodeHandlers(database: CurrentDatabase): Pick<DataStoreHandlers, NodeRpcs> {
  return {
    createNode: async ({ node: given }) => {
      const node = requireNode(given);
      await database().write(async (transaction) => {
        await insertNode(transaction, node);
        await tellNodeChanged(transaction, node.spiffeId);
      });
      return { node: { ...node, selectors: [] } };
    },
    fetchNode: async ({ spiffeId }) => {
      const found = await database().read((sql) => findNode(sql, spiffeId));
      return { node: found?.node };
    },
    listNodes: async function* ({ filter, page, withSelectors }) {
      const parts = database().readParts((sql) => {
        const condition = toNodeCondition(sql.text, filter);
        return readInParts(page, async (after, limit) => {
          const all = allOf([{ text: "n.id > ?", parameters: [after] }, condition]);
          const nodes = await selectNodes(sql, all, limit);
          return withSelectors ? await addSelectors(sql, nodes) : nodes;
        });
      });
      for await (const { items, nextPageToken } of parts)
        yield { nodes: items.map(({ node }) => node), nextPageToken };
    },
    countNodes: async ({ filter }) => {
      const row = await database().read((sql) => {
        const { text, parameters } = toNodeCondition(sql.text, filter);
        return sql.first<Row & { readonly count: number }>(
          `SELECT COUNT(*) AS count FROM attested_node_entries n WHERE ${text}`,
          ...parameters,
        );
      });
      return { count: row?.count ?? 0 };
    },
    updateNode: async ({ node: given, mask }) => {
      const node = requireNode(given);
      const updated = await database().write(async (transaction) => {
        const held = await getNode(transaction, node.spiffeId);
        const next = merged(held.node, node, mask ?? everything);
        await saveNode(transaction, { id: held.id, node: next });
        await tellNodeChanged(transaction, node.spiffeId);
        return next;
      });
      return { node: updated };
    },
    deleteNode: async ({ spiffeId }) => ({
      node: await database().write((transaction) => deleteNode(transaction, spiffeId)),
    }),
    pruneNodes: async (request) => {
      if (request.limit < 1) throw invalidArgument("PRUNE_LIMIT", "limit must be at least 1");
      return { count: await database().write((transaction) => pruneNodes(transaction, request)) };
    },
    setNodeSelectors: async ({ spiffeId, selectors }) => {
      if (spiffeId === "") throw invalidArgument("SPIFFE_ID_MISSING", "missing SPIFFE ID");
      await database().write(async (transaction) => {
        await setSelectors(transaction, spiffeId, selectors);
        await tellNodeChanged(transaction, spiffeId);
      });
      return {};
    },
    getNodeSelectors: async ({ spiffeId }) => {
      const selectors = await database().read((sql) => selectorsOf(sql, [spiffeId]));
      return { selectors: selectors.get(spiffeId) ?? [] };
    },
    listNodeSelectors: async function* ({ validAt }) {
      const instant = validAt === 0 ? undefined : new Date(validAt * 1000);
      for await (const part of database().readParts((sql) => listSelectors(sql, instant)))
        yield { nodes: [...part].map(([spiffeId, selectors]) => ({ spiffeId, selectors })) };
    },
  };
}

async function addSelectors(sql: Sql, nodes: readonly StoredNode[]): Promise<StoredNode[]> {
  const selectors = await selectorsOf(
    sql,
    nodes.map(({ node }) => node.spiffeId),
  );
  return nodes.map(({ id, node }) => ({
    id,
    node: { ...node, selectors: selectors.get(node.spiffeId) ?? [] },
  }));
}

function merged(held: datastore.Node, node: datastore.Node, mask: datastore.NodeMask): datastore.Node {
  const wanted = Object.entries(mask).filter(([, isWanted]) => isWanted);
  return {
    ...held,
    ...Object.fromEntries(wanted.map(([field]) => [field, node[field as keyof datastore.NodeMask]])),
  };
}

function requireNode(node: datastore.Node | undefined): datastore.Node {
  if (node === undefined) throw invalidArgument("NODE_MISSING", "invalid request: missing attested node");
  if (node.spiffeId === "") throw invalidArgument("SPIFFE_ID_MISSING", "missing SPIFFE ID");
  return node;
}
