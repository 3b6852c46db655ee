import assert from "node:assert/strict";
import {
  DataStoreDefinition,
  type EntryFilter,
  MatchBehavior,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "../../../rpc/definition.ts";
import { Code } from "../../../status/code.ts";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { messagesOf, refusalOf } from "../refusal.ts";
import { describe, it } from "../suite.ts";
import { bundleOf, createdEntries, entryOf, type StoreClient } from "./sample.ts";

const { MATCH_ANY, MATCH_EXACT, MATCH_SUBSET, MATCH_SUPERSET } = MatchBehavior;

const selectorsOf = (values: string) => [...values].map((value) => ({ type: "t", value }));
const domainsOf = (values: string) => [...values].map((value) => `${value}.org`);

/** Name, selectors, trust domains, and what else it has: a letter each. */
const samples = [
  ["none", "x", "", {}],
  ["a", "a", "a", { hint: "h" }],
  ["b", "b", "b", { downstream: true }],
  ["ab", "ab", "ab", { parentId: "spiffe://example.org/other" }],
  ["abc", "abc", "abc", { hint: "h", downstream: true }],
] as const;

async function makeSamples(store: StoreClient): Promise<void> {
  for (const trustDomain of domainsOf("abc")) await store.createBundle({ bundle: bundleOf(trustDomain) });
  await createdEntries(
    store,
    samples.map(([name, selectors, domains, more]) =>
      entryOf(name, { selectors: selectorsOf(selectors), federatesWith: domainsOf(domains), ...more }),
    ),
  );
}

const bySelectors = (values: string, match: MatchBehavior) => ({
  bySelectors: { selectors: selectorsOf(values), match },
});
const byFederatesWith = (values: string, match: MatchBehavior) => ({
  byFederatesWith: { trustDomains: domainsOf(values), match },
});

const cases: readonly (readonly [PartialMessage<EntryFilter>, readonly string[]])[] = [
  [{}, ["none", "a", "b", "ab", "abc"]],
  [{ bySpiffeId: "spiffe://example.org/a" }, ["a"]],
  [{ byParentId: "spiffe://example.org/other" }, ["ab"]],
  [{ byHint: "h" }, ["a", "abc"]],
  [{ byDownstream: true }, ["b", "abc"]],
  [{ byDownstream: false }, ["none", "a", "ab"]],
  [{ byHint: "h", byDownstream: true }, ["abc"]],
  [bySelectors("ab", MATCH_EXACT), ["ab"]],
  [bySelectors("aba", MATCH_EXACT), ["ab"]],
  [bySelectors("ab", MATCH_SUBSET), ["a", "b", "ab"]],
  [bySelectors("ab", MATCH_SUPERSET), ["ab", "abc"]],
  [bySelectors("ab", MATCH_ANY), ["a", "b", "ab", "abc"]],
  [bySelectors("z", MATCH_ANY), []],
  [byFederatesWith("ab", MATCH_EXACT), ["ab"]],
  [byFederatesWith("ab", MATCH_SUBSET), ["a", "b", "ab"]],
  [byFederatesWith("ab", MATCH_SUPERSET), ["ab", "abc"]],
  [byFederatesWith("ab", MATCH_ANY), ["a", "b", "ab", "abc"]],
  [{ ...bySelectors("ab", MATCH_ANY), ...byFederatesWith("c", MATCH_ANY), byHint: "h" }, ["abc"]],
];

export function entryFilterContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for filters of entries", () => {
    it("lists and counts by each filter, and by several", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await makeSamples(store);
      for (const [filter, names] of cases) {
        const parts = await messagesOf(store.listEntries({ filter }));
        const listed = parts.flatMap(({ entries }) => entries).map(({ spiffeId }) => spiffeId.slice(21));
        assert.deepEqual(listed, names, JSON.stringify(filter));
        assert.equal((await store.countEntries({ filter })).count, names.length);
      }
    });

    it("gives filtered pages, full up to the last", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await makeSamples(store);
      const pages: string[][] = [];
      let token = "";
      do {
        const request = { filter: bySelectors("ab", MATCH_SUBSET), page: { size: 2, token } };
        const parts = await messagesOf(store.listEntries(request));
        pages.push(parts.flatMap(({ entries }) => entries).map(({ spiffeId }) => spiffeId.slice(21)));
        token = parts.at(-1)?.nextPageToken ?? "";
      } while (token !== "");
      assert.deepEqual(pages, [["a", "b"], ["ab"]]);
    });

    it("gives many entries, each once, in one state of the store", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const names = Array.from({ length: 1200 }, (_, index) => `w${index}`);
      await createdEntries(
        store,
        names.map((name) => entryOf(name)),
      );
      const listed: string[] = [];
      for await (const { entries, nextPageToken } of store.listEntries({})) {
        if (listed.length === 0) await createdEntries(store, [entryOf("later")]);
        listed.push(...entries.map(({ spiffeId }) => spiffeId.slice(21)));
        assert.equal(nextPageToken, "");
      }
      assert.deepEqual(listed, names);
    });

    it("refuses empty lists, unknown behaviors and malformed pages", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const filter of [
        bySelectors("", MATCH_ANY),
        byFederatesWith("", MATCH_ANY),
        bySelectors("a", 9 as MatchBehavior),
        bySelectors("a", MatchBehavior.MATCH_UNSPECIFIED),
      ]) {
        assert.equal((await refusalOf(messagesOf(store.listEntries({ filter })))).code, Code.InvalidArgument);
        assert.equal((await refusalOf(store.countEntries({ filter }))).code, Code.InvalidArgument);
      }
      for (const page of [{ size: 0 }, { size: 1, token: "-" }])
        assert.equal((await refusalOf(messagesOf(store.listEntries({ page })))).code, Code.InvalidArgument);
    });
  });
}
