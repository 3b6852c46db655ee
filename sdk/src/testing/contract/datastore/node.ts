import assert from "node:assert/strict";
import {
  DataStoreDefinition,
  MatchBehavior,
  Node,
  type NodeFilter,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "../../../rpc/definition.ts";
import { Code } from "../../../status/code.ts";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { messagesOf, refusalOf } from "../refusal.ts";
import { describe, it } from "../suite.ts";
import { createdEntries, entryOf, type StoreClient } from "./sample.ts";

const idOf = (name: string): string => `spiffe://example.org/spire/agent/test/${name}`;
const selectorsOf = (values: string) => [...values].map((value) => ({ type: "t", value }));

function nodeOf(name: string, more: Partial<Node> = {}): Node {
  return Node.fromPartial({
    spiffeId: idOf(name),
    attestationType: "test",
    serialNumber: "1",
    expiresAt: 1000,
    ...more,
  });
}

async function namesIn(store: StoreClient): Promise<string[]> {
  const parts = await messagesOf(store.listNodes({}));
  return parts.flatMap(({ nodes }) => nodes).map(({ spiffeId }) => spiffeId.slice(idOf("").length));
}

export function nodeContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for nodes", () => {
    it("keeps every field, and deletes the selectors with the node", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const node = nodeOf("a", {
        serialNumber: "18446744073709551616",
        newSerialNumber: "2",
        newExpiresAt: 2_000_000_000,
        canReattest: true,
        agentVersion: "1.2.3",
      });
      assert.deepEqual((await store.createNode({ node })).node, node);
      assert.equal((await refusalOf(store.createNode({ node }))).code, Code.AlreadyExists);
      assert.equal(
        (await refusalOf(store.createNode({ node: nodeOf("b", { spiffeId: "" }) }))).code,
        Code.InvalidArgument,
      );
      await store.setNodeSelectors({ spiffeId: node.spiffeId, selectors: selectorsOf("ab") });
      assert.deepEqual((await store.fetchNode({ spiffeId: node.spiffeId })).node, node);
      assert.deepEqual((await store.deleteNode({ spiffeId: node.spiffeId })).node, node);
      assert.equal((await refusalOf(store.deleteNode({ spiffeId: node.spiffeId }))).code, Code.NotFound);
      assert.equal((await store.fetchNode({ spiffeId: node.spiffeId })).node, undefined);
      assert.deepEqual((await store.getNodeSelectors({ spiffeId: node.spiffeId })).selectors, []);
    });

    it("updates what the mask names", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const fields = [
        "serialNumber",
        "expiresAt",
        "newSerialNumber",
        "newExpiresAt",
        "canReattest",
        "agentVersion",
      ];
      const held = nodeOf("a", { newSerialNumber: "2", newExpiresAt: 5, agentVersion: "old" });
      const next = nodeOf("a", { serialNumber: "3", expiresAt: 7, canReattest: true, agentVersion: "new" });
      await store.createNode({ node: held });
      let expected = held;
      for (const field of fields) {
        expected = { ...expected, [field]: next[field as keyof Node] };
        const { node } = await store.updateNode({ node: next, mask: { [field]: true } });
        assert.deepEqual(node, expected, field);
        assert.deepEqual((await store.fetchNode({ spiffeId: held.spiffeId })).node, expected);
      }
      assert.deepEqual((await store.updateNode({ node: held })).node, held);
      assert.equal((await refusalOf(store.updateNode({ node: nodeOf("none") }))).code, Code.NotFound);
    });

    it("lists and counts by each filter, and by several", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const samples = [
        nodeOf("a", { selectors: selectorsOf("a"), canReattest: true }),
        nodeOf("b", { selectors: selectorsOf("b"), serialNumber: "" }),
        nodeOf("ab", { selectors: selectorsOf("ab"), attestationType: "other", expiresAt: 2000 }),
        nodeOf("abc", { selectors: selectorsOf("abc"), serialNumber: "", canReattest: true }),
      ];
      for (const node of samples) {
        await store.createNode({ node });
        await store.setNodeSelectors({ spiffeId: node.spiffeId, selectors: node.selectors });
      }
      const bySelectors = (match: MatchBehavior) => ({
        bySelectors: { selectors: selectorsOf("ab"), match },
      });
      const cases: readonly (readonly [PartialMessage<NodeFilter>, readonly string[]])[] = [
        [{}, ["a", "b", "ab", "abc"]],
        [{ byAttestationType: "other" }, ["ab"]],
        [{ byBanned: true }, ["b", "abc"]],
        [{ byBanned: false }, ["a", "ab"]],
        [{ byCanReattest: true }, ["a", "abc"]],
        [{ byCanReattest: false }, ["b", "ab"]],
        [{ byExpiresBefore: 1000 }, []],
        [{ byExpiresBefore: 1001 }, ["a", "b", "abc"]],
        [{ byBanned: true, byCanReattest: true }, ["abc"]],
        [bySelectors(MatchBehavior.MATCH_EXACT), ["ab"]],
        [bySelectors(MatchBehavior.MATCH_SUBSET), ["a", "b", "ab"]],
        [bySelectors(MatchBehavior.MATCH_SUPERSET), ["ab", "abc"]],
        [bySelectors(MatchBehavior.MATCH_ANY), ["a", "b", "ab", "abc"]],
      ];
      for (const [filter, names] of cases) {
        const parts = await messagesOf(store.listNodes({ filter, withSelectors: true }));
        const expected = samples.filter(({ spiffeId }) => names.some((name) => spiffeId === idOf(name)));
        assert.deepEqual(
          parts.flatMap(({ nodes }) => nodes),
          expected,
          JSON.stringify(filter),
        );
        assert.equal((await store.countNodes({ filter })).count, names.length);
      }
      const empty = { bySelectors: { selectors: [], match: MatchBehavior.MATCH_ANY } };
      assert.equal((await refusalOf(store.countNodes({ filter: empty }))).code, Code.InvalidArgument);
    });

    it("lists in pages, without selectors unless asked for", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const name of ["a", "b", "c"]) {
        await store.createNode({ node: nodeOf(name) });
        await store.setNodeSelectors({ spiffeId: idOf(name), selectors: selectorsOf("x") });
      }
      const [first] = await messagesOf(store.listNodes({ page: { size: 2 } }));
      assert.deepEqual(first?.nodes, [nodeOf("a"), nodeOf("b")]);
      const page = { size: 2, token: first.nextPageToken };
      assert.deepEqual(await messagesOf(store.listNodes({ page })), [
        { nodes: [nodeOf("c")], nextPageToken: "" },
      ]);
    });

    it("prunes expired nodes, at most so many, and never a banned one", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const node of [
        nodeOf("a", { canReattest: true }),
        nodeOf("b", { canReattest: true }),
        nodeOf("stays", { canReattest: true, expiresAt: 2000 }),
        nodeOf("banned", { canReattest: true, serialNumber: "" }),
        nodeOf("once"),
      ])
        await store.createNode({ node });
      const prune = async (limit: number, includeNonReattestable = false): Promise<number> =>
        (await store.pruneNodes({ expiredBefore: 1500, includeNonReattestable, limit })).count;
      assert.equal((await refusalOf(prune(0))).code, Code.InvalidArgument);
      assert.equal(await prune(1), 1);
      assert.equal(await prune(5), 1);
      assert.deepEqual(await namesIn(store), ["stays", "banned", "once"]);
      assert.equal(await prune(5, true), 1);
      assert.deepEqual(await namesIn(store), ["stays", "banned"]);
    });

    it("replaces and lists selectors", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const [name, values, expiresAt] of [
        ["a", "ab", 1000],
        ["b", "c", 2000],
      ] as const) {
        await store.createNode({ node: nodeOf(name, { expiresAt }) });
        await store.setNodeSelectors({ spiffeId: idOf(name), selectors: selectorsOf("old") });
        await store.setNodeSelectors({ spiffeId: idOf(name), selectors: selectorsOf(values) });
      }
      assert.deepEqual((await store.getNodeSelectors({ spiffeId: idOf("a") })).selectors, selectorsOf("ab"));
      const list = async (validAt: number) =>
        (await messagesOf(store.listNodeSelectors({ validAt }))).flatMap(({ nodes }) => nodes);
      const [a, b] = [
        { spiffeId: idOf("a"), selectors: selectorsOf("ab") },
        { spiffeId: idOf("b"), selectors: selectorsOf("c") },
      ];
      assert.deepEqual(await list(0), [a, b]);
      assert.deepEqual(await list(999), [a, b]);
      assert.deepEqual(await list(1000), [b]);
    });

    it("deletes a join token's alias with its node, but no entry of a workload", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const spiffeId = idOf("token");
      const alias = [{ type: "spiffe_id", value: spiffeId }];
      await store.createNode({ node: nodeOf("token", { attestationType: "join_token" }) });
      await createdEntries(store, [
        entryOf("alias", { parentId: spiffeId, selectors: alias }),
        entryOf("workload", { parentId: spiffeId }),
        entryOf("elsewhere", { selectors: alias }),
      ]);
      await store.deleteNode({ spiffeId });
      const parts = await messagesOf(store.listEntries({}));
      assert.deepEqual(
        parts.flatMap(({ entries }) => entries).map((entry) => entry.spiffeId),
        ["spiffe://example.org/workload", "spiffe://example.org/elsewhere"],
      );
    });
  });
}
