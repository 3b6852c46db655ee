import type { datastore } from "@finial/sdk/server";
import { deleteEntryRow, selectEntries } from "../entry/entry-table.ts";
import { tellEntryChanged, tellNodeChanged } from "../events.ts";
import { allOf } from "../list-match.ts";
import type { Transaction } from "../sql.ts";
import { isBanned } from "./node-filter.ts";
import { deleteSelectors } from "./node-selectors.ts";
import { getNode, type StoredNode, selectNodes } from "./node-table.ts";

/** @throws {StatusError} NotFound. */
export async function deleteNode(transaction: Transaction, spiffeId: string): Promise<datastore.Node> {
  const held = await getNode(transaction, spiffeId);
  await deleteStored(transaction, held);
  return held.node;
}

/** Deletes nodes that expired before, but never banned ones: that would lift the ban. How many. */
export async function pruneNodes(
  transaction: Transaction,
  { expiredBefore, includeNonReattestable, limit }: datastore.PruneNodesRequest,
): Promise<number> {
  const { text } = transaction;
  const instant = new Date(expiredBefore * 1000);
  const expired = await selectNodes(
    transaction,
    allOf([
      { text: text.before("n.expires_at"), parameters: text.beforeParameters(instant) },
      includeNonReattestable ? undefined : { text: "n.can_reattest = ?", parameters: [1] },
      isBanned(false),
    ]),
    limit,
  );
  for (const each of expired) await deleteStored(transaction, each);
  return expired.length;
}

async function deleteStored(transaction: Transaction, { id, node }: StoredNode): Promise<void> {
  if (node.attestationType === "join_token") await deleteAliases(transaction, node.spiffeId);
  await deleteSelectors(transaction, node.spiffeId);
  await transaction.run("DELETE FROM attested_node_entries WHERE id = ?", id);
  await tellNodeChanged(transaction, node.spiffeId);
}

/** The entries that a join token's own SPIFFE ID made; entries of workloads below the node are not ours to delete. */
async function deleteAliases(transaction: Transaction, spiffeId: string): Promise<void> {
  const below = await selectEntries(transaction, { text: "e.parent_id = ?", parameters: [spiffeId] });
  for (const { id, entry } of below) {
    const [selector, another] = entry.selectors;
    if (another !== undefined || selector?.type !== "spiffe_id" || selector.value !== spiffeId) continue;
    await deleteEntryRow(transaction, id);
    await tellEntryChanged(transaction, entry.id);
  }
}
