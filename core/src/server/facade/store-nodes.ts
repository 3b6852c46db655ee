import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "@finial/sdk";
import { parseSpiffeId, type Selector, type SpiffeId } from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type { AttestedNode, DataStore, NodeFilter, NodeUpdate } from "./datastore.ts";
import {
  type Ask,
  answered,
  askForAll,
  distrusted,
  found,
  pageOf,
  partsOf,
  toWirePage,
  wireMatches,
} from "./store-answers.ts";

type NodeCalls =
  | "createNode"
  | "findNode"
  | "listNodes"
  | "countNodes"
  | "updateNode"
  | "deleteNode"
  | "pruneNodes"
  | "setNodeSelectors"
  | "getNodeSelectors"
  | "listNodeSelectors";

export function storeNodes(ask: Ask): Pick<DataStore, NodeCalls> {
  return {
    createNode: (node) =>
      ask(async (store) =>
        sameNode((await store.createNode({ node: toWireNode(node) })).node, node.spiffeId),
      ),
    findNode: (spiffeId) =>
      ask(async (store) => {
        const { node } = await store.fetchNode({ spiffeId: spiffeId.toString() });
        return found(node, "node", fromWireNode, (it) => it.spiffeId.equals(spiffeId));
      }),
    listNodes: (filter, { page, withSelectors = false } = {}) =>
      askForAll(ask, (store) => {
        const stream = store.listNodes({
          filter: filter && toWireFilter(filter),
          page: toWirePage(page),
          withSelectors,
        });
        return pageOf(
          page,
          partsOf(stream, ({ nodes }) => nodes.map((node) => answered(node, "node", fromWireNode))),
        );
      }),
    countNodes: (filter) =>
      ask(async (store) => (await store.countNodes({ filter: filter && toWireFilter(filter) })).count),
    updateNode: (spiffeId, update) =>
      ask(async (store) => sameNode((await store.updateNode(toWireUpdate(spiffeId, update))).node, spiffeId)),
    deleteNode: (spiffeId) =>
      ask(async (store) =>
        sameNode((await store.deleteNode({ spiffeId: spiffeId.toString() })).node, spiffeId),
      ),
    pruneNodes: ({ expiredBefore, includeNonReattestable, limit }) =>
      ask(async (store) => {
        const request = { expiredBefore: toWireSeconds(expiredBefore), includeNonReattestable, limit };
        return (await store.pruneNodes(request)).count;
      }),
    setNodeSelectors: (spiffeId, selectors) =>
      ask(async (store) => {
        await store.setNodeSelectors({ spiffeId: spiffeId.toString(), selectors });
      }),
    getNodeSelectors: (spiffeId) =>
      ask(async (store) => (await store.getNodeSelectors({ spiffeId: spiffeId.toString() })).selectors),
    listNodeSelectors: ({ validAt } = {}) =>
      askForAll(ask, async (store) => {
        const all = new Map<string, readonly Selector[]>();
        for await (const { nodes } of store.listNodeSelectors({ validAt: toWireSeconds(validAt) }))
          for (const { spiffeId, selectors } of nodes) all.set(spiffeId, selectors);
        return all;
      }),
  };
}

function sameNode(wire: wire.Node | undefined, spiffeId: SpiffeId): AttestedNode {
  const node = answered(wire, "node", fromWireNode);
  if (!node.spiffeId.equals(spiffeId))
    throw distrusted("plugin response has another node than the one asked for");
  return node;
}

function toWireNode(node: AttestedNode): PartialMessage<wire.Node> {
  return {
    ...node,
    spiffeId: node.spiffeId.toString(),
    expiresAt: toWireSeconds(node.expiresAt),
    newExpiresAt: toWireSeconds(node.newExpiresAt),
  };
}

function fromWireNode(node: wire.Node): AttestedNode {
  return {
    ...node,
    spiffeId: parseSpiffeId(node.spiffeId),
    expiresAt: new Date(node.expiresAt * 1000),
    newExpiresAt: fromWireSeconds(node.newExpiresAt),
  };
}

function toWireFilter(filter: NodeFilter): PartialMessage<wire.NodeFilter> {
  const { bySelectors } = filter;
  return {
    byAttestationType: filter.byAttestationType,
    byBanned: filter.byBanned,
    byCanReattest: filter.byCanReattest,
    byExpiresBefore: toWireSeconds(filter.byExpiresBefore),
    bySelectors: bySelectors && { selectors: bySelectors.selectors, match: wireMatches[bySelectors.match] },
  };
}

/** What the update names is written, also when it names an absent value. */
function toWireUpdate(spiffeId: SpiffeId, update: NodeUpdate): PartialMessage<wire.UpdateNodeRequest> {
  return {
    node: {
      ...update,
      spiffeId: spiffeId.toString(),
      expiresAt: toWireSeconds(update.expiresAt),
      newExpiresAt: toWireSeconds(update.newExpiresAt),
    },
    mask: {
      serialNumber: "serialNumber" in update,
      expiresAt: "expiresAt" in update,
      newSerialNumber: "newSerialNumber" in update,
      newExpiresAt: "newExpiresAt" in update,
      canReattest: "canReattest" in update,
      agentVersion: "agentVersion" in update,
    },
  };
}
