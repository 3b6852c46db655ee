import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PartialMessage } from "@finial/sdk";
import { DataStore, datastore } from "@finial/sdk/server";
import { loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { Random } from "./testing/random.ts";

const { MATCH_ANY, MATCH_EXACT, MATCH_SUBSET, MATCH_SUPERSET } = datastore.MatchBehavior;
const behaviors = [MATCH_ANY, MATCH_EXACT, MATCH_SUBSET, MATCH_SUPERSET];
const config = 'database_type = "sqlite3"\nconnection_string = ":memory:"';

// Values that a careless query would mix up or misread: pairs with the same text, quotes, patterns, JSON, bytes beyond ASCII.
const selectors: readonly datastore.Selector[] = [
  { type: "a", value: "b:c" },
  { type: "a:b", value: "c" },
  { type: "a", value: "" },
  { type: "A", value: "b:c" },
  { type: "a", value: "B:C" },
  { type: "unix", value: "user:o'neil" },
  { type: "unix", value: 'path:["%_*?"]' },
  { type: "k8s", value: "ns:größe/🗼" },
];
const trustDomains = ["one.org", "two.org", "three.org", "four.org"];
const spiffeIds = ["spiffe://example.org/a", "spiffe://example.org/b", "spiffe://example.org/a/b"];
const hints = ["", "hint", "Hint", "h%"];
const times = [0, 1, 999, 1000, 1001, 1_700_000_000, 2_000_000_000];

/** The definition of the contract's behaviors. */
function matches(match: number, own: readonly string[], wanted: readonly string[]): boolean {
  const [held, asked] = [new Set(own), new Set(wanted)];
  switch (match) {
    case MATCH_ANY:
      return !held.isDisjointFrom(asked);
    case MATCH_EXACT:
      return held.size === asked.size && held.isSubsetOf(asked);
    case MATCH_SUBSET:
      return held.size > 0 && held.isSubsetOf(asked);
    default:
      return held.isSupersetOf(asked);
  }
}

function keys(list: readonly datastore.Selector[]): string[] {
  return list.map(({ type, value }) => JSON.stringify([type, value]));
}

/** The list, its members maybe repeated: a filter is a set. */
function repeated<T>(random: Random, items: readonly T[]): T[] {
  return random.oneIn(4) ? [...items, random.pick(items)] : [...items];
}

function randomEntry(random: Random, index: number): PartialMessage<datastore.Entry> {
  return {
    id: `e${index}`,
    spiffeId: random.pick(spiffeIds),
    parentId: `${random.pick(spiffeIds)}/${random.below(3)}`,
    selectors: random.some(selectors, { atLeast: 1 }),
    federatesWith: random.some(trustDomains),
    hint: random.pick(hints),
    downstream: random.oneIn(2),
  };
}

function randomEntryFilter(random: Random): Partial<datastore.EntryFilter> {
  const filter: Partial<datastore.EntryFilter> = {};
  const wants = (): boolean => random.oneIn(3);
  if (wants()) filter.bySpiffeId = random.pick(spiffeIds);
  if (wants()) filter.byParentId = `${random.pick(spiffeIds)}/${random.below(3)}`;
  if (wants()) filter.byHint = random.pick(hints);
  if (wants()) filter.byDownstream = random.oneIn(2);
  if (wants())
    filter.bySelectors = {
      selectors: repeated(random, random.some(selectors, { atLeast: 1 })),
      match: random.pick(behaviors),
    };
  if (wants())
    filter.byFederatesWith = {
      trustDomains: repeated(random, random.some([...trustDomains, "none.org"], { atLeast: 1 })),
      match: random.pick(behaviors),
    };
  return filter;
}

function entryMatches(entry: datastore.Entry, filter: Partial<datastore.EntryFilter>): boolean {
  const { bySelectors, byFederatesWith, byDownstream } = filter;
  const equals = (own: string, wanted = ""): boolean => wanted === "" || own === wanted;
  return (
    equals(entry.spiffeId, filter.bySpiffeId) &&
    equals(entry.parentId, filter.byParentId) &&
    equals(entry.hint, filter.byHint) &&
    (byDownstream === undefined || entry.downstream === byDownstream) &&
    (bySelectors === undefined ||
      matches(bySelectors.match, keys(entry.selectors), keys(bySelectors.selectors))) &&
    (byFederatesWith === undefined ||
      matches(byFederatesWith.match, entry.federatesWith, byFederatesWith.trustDomains))
  );
}

function randomNode(random: Random, index: number): datastore.Node {
  return datastore.Node.fromPartial({
    spiffeId: `spiffe://example.org/spire/agent/test/${index}`,
    attestationType: random.pick(["a", "b", "join_token"]),
    serialNumber: random.oneIn(3) ? "" : String(index),
    expiresAt: random.pick(times),
    canReattest: random.oneIn(2),
    selectors: random.some(selectors),
  });
}

function randomNodeFilter(random: Random): Partial<datastore.NodeFilter> {
  const filter: Partial<datastore.NodeFilter> = {};
  const wants = (): boolean => random.oneIn(3);
  if (wants()) filter.byAttestationType = random.pick(["a", "b", "none"]);
  if (wants()) filter.byBanned = random.oneIn(2);
  if (wants()) filter.byCanReattest = random.oneIn(2);
  if (wants()) filter.byExpiresBefore = random.pick(times);
  if (wants())
    filter.bySelectors = {
      selectors: repeated(random, random.some(selectors, { atLeast: 1 })),
      match: random.pick(behaviors),
    };
  return filter;
}

function nodeMatches(node: datastore.Node, filter: Partial<datastore.NodeFilter>): boolean {
  const { byAttestationType = "", byBanned, byCanReattest, byExpiresBefore = 0, bySelectors } = filter;
  return (
    (byAttestationType === "" || node.attestationType === byAttestationType) &&
    (byBanned === undefined || (node.serialNumber === "") === byBanned) &&
    (byCanReattest === undefined || node.canReattest === byCanReattest) &&
    (byExpiresBefore === 0 || node.expiresAt < byExpiresBefore) &&
    (bySelectors === undefined ||
      matches(bySelectors.match, keys(node.selectors), keys(bySelectors.selectors)))
  );
}

describe("filtered lists", () => {
  it("of entries are what a plain comparison gives, whole, in pages and counted", async () => {
    const random = new Random(1);
    await using loaded = await loadPlugin(plugin, { config });
    const store = loaded.client(DataStore.definition);
    for (const trustDomain of trustDomains) await store.createBundle({ bundle: { trustDomain } });
    const wanted = Array.from({ length: 120 }, (_, index) => randomEntry(random, index));
    const { results } = await store.createEntries({ entries: wanted });
    const entries = results.flatMap(({ entry, existing }) =>
      entry === undefined || existing ? [] : [entry],
    );
    let found = 0;
    for (let round = 0; round < 150; round++) {
      const filter = randomEntryFilter(random);
      const expected = entries.filter((entry) => entryMatches(entry, filter));
      found += expected.length;
      const listed = (await Array.fromAsync(store.listEntries({ filter }))).flatMap((part) => part.entries);
      assert.deepEqual(listed, expected, JSON.stringify(filter));
      assert.equal((await store.countEntries({ filter })).count, expected.length);
      const size = 1 + random.below(20);
      const paged: datastore.Entry[] = [];
      let token = "";
      do {
        const parts = await Array.fromAsync(store.listEntries({ filter, page: { size, token } }));
        const items = parts.flatMap((part) => part.entries);
        token = parts.at(-1)?.nextPageToken ?? "";
        assert.ok(items.length === size || token === "", "pages are full up to the last");
        paged.push(...items);
      } while (token !== "");
      assert.deepEqual(paged, expected);
    }
    assert.ok(found > 200, "the filters find something");
  });

  it("of nodes are what a plain comparison gives, with selectors, in pages and counted", async () => {
    const random = new Random(2);
    await using loaded = await loadPlugin(plugin, { config });
    const store = loaded.client(DataStore.definition);
    const nodes = Array.from({ length: 80 }, (_, index) => randomNode(random, index));
    for (const node of nodes) {
      await store.createNode({ node });
      await store.setNodeSelectors({ spiffeId: node.spiffeId, selectors: node.selectors });
    }
    let found = 0;
    for (let round = 0; round < 120; round++) {
      const filter = randomNodeFilter(random);
      const withSelectors = random.oneIn(2);
      const expected = nodes
        .filter((node) => nodeMatches(node, filter))
        .map((node) => (withSelectors ? node : { ...node, selectors: [] }));
      found += expected.length;
      const list = async (page?: datastore.Page): Promise<[datastore.Node[], string]> => {
        const parts = await Array.fromAsync(store.listNodes({ filter, withSelectors, page }));
        return [parts.flatMap((part) => part.nodes), parts.at(-1)?.nextPageToken ?? ""];
      };
      assert.deepEqual((await list())[0], expected, JSON.stringify(filter));
      assert.equal((await store.countNodes({ filter })).count, expected.length);
      const size = 1 + random.below(20);
      const paged: datastore.Node[] = [];
      let token = "";
      do {
        const [items, next] = await list({ size, token });
        paged.push(...items);
        token = next;
      } while (token !== "");
      assert.deepEqual(paged, expected);
    }
    assert.ok(found > 200, "the filters find something");
  });

  it("give in pages each item that stays exactly once, whatever comes and goes meanwhile", async () => {
    const random = new Random(3);
    await using loaded = await loadPlugin(plugin, { config });
    const store = loaded.client(DataStore.definition);
    const create = async (id: string): Promise<void> => {
      await store.createEntries({
        entries: [
          { id, spiffeId: `spiffe://example.org/${id}`, parentId: "spiffe://example.org/p", selectors },
        ],
      });
    };
    for (let round = 0; round < 10; round++) {
      const held = new Set(Array.from({ length: 30 }, (_, index) => `r${round}-${index}`));
      for (const id of held) await create(id);
      const stays = new Set(held);
      const seen: string[] = [];
      let token = "";
      do {
        const page = { size: 1 + random.below(5), token };
        const parts = await Array.fromAsync(store.listEntries({ page }));
        seen.push(...parts.flatMap(({ entries }) => entries).map(({ id }) => id));
        token = parts.at(-1)?.nextPageToken ?? "";
        // One that may be seen already, or the very one the token names, goes; another comes.
        const gone = random.oneIn(2) ? seen.at(-1) : random.pick([...stays]);
        if (gone !== undefined && held.delete(gone)) await store.deleteEntry({ id: gone });
        stays.delete(gone ?? "");
        if (random.oneIn(3) && held.size < 60) {
          const id = `r${round}-late${held.size}-${seen.length}`;
          held.add(id);
          await create(id);
        }
      } while (token !== "");
      assert.equal(new Set(seen).size, seen.length, "nothing twice");
      assert.ok(stays.isSubsetOf(new Set(seen)), "nothing missed");
      for (const id of held) await store.deleteEntry({ id });
    }
  });
});
