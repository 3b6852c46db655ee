import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry, type Selector } from "@finial/sdk/spiffe";
import fc from "fast-check";
import { EntryIndex } from "./entry-index.ts";

const example = parseTrustDomain("example.org");
const agentPath = "/spire/agent/a";
const serverPath = "/spire/server";

function selectors(...values: string[]): Selector[] {
  return values.map((value) => ({ type: "x", value }));
}

function entry(
  id: string,
  parentPath: string,
  path: string,
  options: { readonly selectors?: Selector[]; readonly trustDomain?: string; readonly hint?: string } = {},
): RegistrationEntry {
  const domain = options.trustDomain ?? "example.org";
  return {
    id,
    spiffeId: parseSpiffeId(`spiffe://${domain}${path}`),
    parentId: parseSpiffeId(`spiffe://${domain}${parentPath}`),
    selectors: options.selectors ?? selectors("w"),
    x509SvidTtlSeconds: 0,
    jwtSvidTtlSeconds: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: undefined,
    dnsNames: [],
    revisionNumber: 0,
    storeSvid: false,
    hint: options.hint ?? "",
    createdAt: undefined,
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
  };
}

const agentId = (path = agentPath) => parseSpiffeId(`spiffe://example.org${path}`);

function idsOf(index: EntryIndex, path = agentPath): string[] {
  return index
    .entriesOf(agentId(path))
    .map(({ id }) => id)
    .sort();
}

interface Case {
  readonly title: string;
  readonly entries: readonly RegistrationEntry[];
  readonly agentSelectors?: readonly Selector[];
  readonly expected: readonly string[];
}

const cases: readonly Case[] = [
  { title: "nothing", entries: [], expected: [] },
  {
    title: "what is below the agent, and not what is below another",
    entries: [entry("1", agentPath, "/a"), entry("2", agentPath, "/b"), entry("3", "/spire/agent/b", "/c")],
    expected: ["1", "2"],
  },
  {
    title: "what is below an alias whose selectors the agent has, and never the alias",
    entries: [
      entry("alias", serverPath, "/group", { selectors: selectors("p", "q") }),
      entry("1", "/group", "/a"),
    ],
    agentSelectors: selectors("p", "q", "r"),
    expected: ["1"],
  },
  {
    title: "nothing below an alias of which the agent lacks a selector",
    entries: [
      entry("alias", serverPath, "/group", { selectors: selectors("p", "q") }),
      entry("1", "/group", "/a"),
    ],
    agentSelectors: selectors("p"),
    expected: [],
  },
  {
    title: "nothing below an alias for an agent that is not known",
    entries: [
      entry("alias", serverPath, "/group", { selectors: selectors("p") }),
      entry("1", "/group", "/a"),
    ],
    expected: [],
  },
  {
    title: "an entry once, though two aliases lead to it",
    entries: [
      entry("alias1", serverPath, "/group", { selectors: selectors("p") }),
      entry("alias2", serverPath, "/group", { selectors: selectors("q") }),
      entry("1", "/group", "/a"),
    ],
    agentSelectors: selectors("p", "q"),
    expected: ["1"],
  },
  {
    title: "what is below what is below",
    entries: [
      entry("1", agentPath, "/a"),
      entry("2", "/a", "/b"),
      entry("3", "/b", "/c"),
      entry("4", "/x", "/y"),
    ],
    expected: ["1", "2", "3"],
  },
  {
    title: "each entry of a circle once",
    entries: [
      entry("1", agentPath, "/a"),
      entry("2", "/a", "/b"),
      entry("3", "/b", "/a"),
      entry("4", "/a", "/a"),
    ],
    expected: ["1", "2", "3", "4"],
  },
  {
    title: "no entry of another trust domain",
    entries: [entry("1", agentPath, "/a", { trustDomain: "other.org" })],
    expected: [],
  },
];

describe("EntryIndex", () => {
  for (const { title, entries, agentSelectors, expected } of cases) {
    it(`finds ${title}`, () => {
      const index = new EntryIndex(example);
      for (const item of entries) index.setEntry(item);
      if (agentSelectors !== undefined) index.setAgent(agentId().toString(), agentSelectors);
      assert.deepEqual(idsOf(index), expected);
      const each = entries.filter(({ id }) => index.findEntryOf(agentId(), id) !== undefined);
      assert.deepEqual(each.map(({ id }) => id).sort(), expected);
    });
  }

  it("gives nothing to an agent of another trust domain", () => {
    const index = new EntryIndex(example);
    index.setEntry(entry("1", agentPath, "/a"));
    const stranger = parseSpiffeId(`spiffe://other.org${agentPath}`);
    assert.deepEqual([index.entriesOf(stranger), index.findEntryOf(stranger, "1")], [[], undefined]);
  });

  it("follows an entry that changes, moves, becomes an alias and goes", () => {
    const index = new EntryIndex(example);
    index.setAgent(agentId().toString(), selectors("w"));
    index.setEntry(entry("1", agentPath, "/a"));
    index.setEntry(entry("2", "/a", "/b"));
    index.setEntry(entry("1", agentPath, "/a", { hint: "new" }));
    assert.equal(index.findEntryOf(agentId(), "1")?.hint, "new");
    index.setEntry(entry("1", "/elsewhere", "/a"));
    assert.deepEqual(idsOf(index), []);
    index.setEntry(entry("1", serverPath, "/a"));
    assert.deepEqual(idsOf(index), ["2"]);
    index.deleteEntry("1");
    assert.deepEqual(idsOf(index), []);
    index.deleteEntry("2");
    index.deleteEntry("3");
    assert.equal(index.size, 0);
  });

  it("follows an agent whose selectors change and that goes", () => {
    const index = new EntryIndex(example);
    index.setEntry(entry("alias", serverPath, "/group", { selectors: selectors("p") }));
    index.setEntry(entry("1", "/group", "/a"));
    const seen = [selectors("p"), selectors("q"), selectors("p")].map((held) => {
      index.setAgent(agentId().toString(), held);
      return idsOf(index);
    });
    index.deleteAgent(agentId().toString());
    assert.deepEqual([...seen, idsOf(index)], [["1"], [], ["1"], []]);
  });

  it("agrees with the rule read literally, whatever happens", () => {
    const paths = ["/a", "/b", "/c", agentPath];
    const anEntry = fc.record({
      id: fc.constantFrom("1", "2", "3", "4", "5"),
      parent: fc.constantFrom(...paths, serverPath),
      path: fc.constantFrom(...paths),
      held: fc.uniqueArray(fc.constantFrom("p", "q"), { minLength: 1 }),
    });
    const step = fc.oneof(
      anEntry.map((value) => ({ kind: "set" as const, ...value })),
      fc.record({ kind: fc.constant("delete" as const), id: fc.constantFrom("1", "2", "3", "4", "5") }),
      fc.record({
        kind: fc.constant("agent" as const),
        held: fc.uniqueArray(fc.constantFrom("p", "q", "r")),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const index = new EntryIndex(example);
        const entries = new Map<string, RegistrationEntry>();
        let held: string[] = [];
        for (const item of steps) {
          if (item.kind === "set") {
            const value = entry(item.id, item.parent, item.path, { selectors: selectors(...item.held) });
            index.setEntry(value);
            entries.set(item.id, value);
          } else if (item.kind === "delete") {
            index.deleteEntry(item.id);
            entries.delete(item.id);
          } else {
            held = item.held;
            index.setAgent(agentId().toString(), selectors(...held));
          }
          const expected = readLiterally([...entries.values()], held);
          assert.deepEqual(idsOf(index), expected);
          const each = [...entries.keys()].filter((id) => index.findEntryOf(agentId(), id) !== undefined);
          assert.deepEqual(each.sort(), expected);
        }
      }),
    );
  });
});

/** The rule of the specification, without any index. */
function readLiterally(entries: readonly RegistrationEntry[], held: readonly string[]): string[] {
  const workloads = entries.filter(({ parentId }) => parentId.path !== serverPath);
  const aliases = entries.filter(
    ({ parentId, selectors: needed }) =>
      parentId.path === serverPath && needed.every(({ value }) => held.includes(value)),
  );
  const parents = new Set([agentPath, ...aliases.map(({ spiffeId }) => spiffeId.path)]);
  for (let before = -1; before !== parents.size; ) {
    before = parents.size;
    for (const { parentId, spiffeId } of workloads)
      if (parents.has(parentId.path)) parents.add(spiffeId.path);
  }
  return workloads
    .filter(({ parentId }) => parents.has(parentId.path))
    .map(({ id }) => id)
    .sort();
}
