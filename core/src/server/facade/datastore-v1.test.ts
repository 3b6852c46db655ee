import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Code, definePlugin, type Handlers, type PartialMessage, StatusError } from "@finial/sdk";
import { DataStore as DataStoreType, type datastore } from "@finial/sdk/server";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { loadPlugin, type TestCa, testCa } from "@finial/sdk/testing";
import type { ClientOf } from "../../kernel/catalog/bound-plugin.ts";
import type { AttestedNode, DataStore, StoreChange, StorePosition } from "./datastore.ts";
import { bindDataStoreV1 } from "./datastore-v1.ts";

type Service = Partial<Handlers<(typeof DataStoreType)["definition"]>>;

const td = parseTrustDomain("example.org");
const agent = parseSpiffeId("spiffe://example.org/spire/agent/a");
let ca: TestCa;

before(async () => {
  ca = await testCa();
});

async function bound(service: Service) {
  const plugin = definePlugin({ type: DataStoreType, name: "test", open: () => ({ service }) });
  const loaded = await loadPlugin(plugin);
  return { store: bindDataStoreV1(loaded), [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose]() };
}

const entry: RegistrationEntry = {
  id: "e",
  spiffeId: parseSpiffeId("spiffe://example.org/db"),
  parentId: agent,
  selectors: [{ type: "unix", value: "uid:1" }],
  x509SvidTtlSeconds: 1,
  jwtSvidTtlSeconds: 2,
  federatesWith: [parseTrustDomain("elsewhere.org")],
  admin: true,
  downstream: false,
  expiresAt: new Date("2026-01-02T00:00:00Z"),
  dnsNames: ["db"],
  revisionNumber: 3,
  storeSvid: true,
  hint: "hint",
  createdAt: new Date("2026-01-01T00:00:00Z"),
  disableX509SvidPrefetch: true,
  jwtSvidIncludeJti: true,
};
const node: AttestedNode = {
  spiffeId: agent,
  attestationType: "x509pop",
  serialNumber: "1",
  expiresAt: new Date("2026-01-01T00:00:00Z"),
  newSerialNumber: "2",
  newExpiresAt: new Date("2026-01-02T00:00:00Z"),
  canReattest: true,
  agentVersion: "1.2.3",
  selectors: [{ type: "x509pop", value: "cn:a" }],
};

describe("bindDataStoreV1()", () => {
  it("takes every field of an entry there and back, each flag for itself", async () => {
    await using at = await bound({
      createEntries: ({ entries }) => ({ results: entries.map((each) => ({ entry: each })) }),
    });
    assert.deepEqual(await at.store.createEntry(entry), { entry, existing: false });
    for (const flag of [
      "admin",
      "downstream",
      "storeSvid",
      "disableX509SvidPrefetch",
      "jwtSvidIncludeJti",
    ] as const) {
      const flags = {
        admin: false,
        downstream: false,
        storeSvid: false,
        disableX509SvidPrefetch: false,
        jwtSvidIncludeJti: false,
      };
      const one = { ...entry, ...flags, [flag]: true };
      assert.deepEqual((await at.store.createEntry(one)).entry, one);
    }
  });

  it("takes every field of a node there and back", async () => {
    await using at = await bound({ createNode: ({ node: each }) => ({ node: each }) });
    assert.deepEqual(await at.store.createNode(node), node);
    const plain = { ...node, newSerialNumber: "", newExpiresAt: undefined };
    assert.deepEqual(await at.store.createNode(plain), plain);
  });

  it("updates what an update names, also when it names an absent value", async () => {
    const asked: datastore.UpdateNodeRequest[] = [];
    await using at = await bound({
      updateNode: (request) => {
        asked.push(request);
        return { node: { spiffeId: agent.toString(), attestationType: "x" } };
      },
    });
    await at.store.updateNode(agent, { serialNumber: "", newExpiresAt: undefined });
    assert.deepEqual(asked[0]?.mask, {
      serialNumber: true,
      expiresAt: false,
      newSerialNumber: false,
      newExpiresAt: true,
      canReattest: false,
      agentVersion: false,
    });
    assert.deepEqual([asked[0]?.node?.serialNumber, asked[0]?.node?.newExpiresAt], ["", 0]);
  });

  it("takes a bundle there and back, taints, too", async () => {
    await using at = await bound({ setBundle: ({ bundle }) => ({ bundle }) });
    const bundle = {
      ...ca.bundle,
      x509Authorities: [{ certificateDer: ca.rootDer, tainted: true }],
      jwtAuthorities: ca.bundle.jwtAuthorities.map((key) => ({
        ...key,
        tainted: true,
        expiresAt: new Date(1_767_225_600_000),
      })),
      refreshHintSeconds: 60,
      sequenceNumber: 7,
    };
    assert.deepEqual(await at.store.setBundle(bundle), bundle);
  });

  const wireNode = (spiffeId: string) => ({ spiffeId, attestationType: "x" });
  const other = "spiffe://example.org/spire/agent/b";
  const lies: readonly [
    title: string,
    service: () => Service,
    ask: (store: DataStore) => Promise<unknown>,
    why: string,
  ][] = [
    [
      "another node",
      () => ({ fetchNode: () => ({ node: wireNode(other) }) }),
      (store) => store.findNode(agent),
      "plugin response has another node than the one asked for",
    ],
    [
      "another node written",
      () => ({ updateNode: () => ({ node: wireNode(other) }) }),
      (store) => store.updateNode(agent, { serialNumber: "" }),
      "plugin response has another node than the one asked for",
    ],
    [
      "another node deleted",
      () => ({ deleteNode: () => ({ node: wireNode(other) }) }),
      (store) => store.deleteNode(agent),
      "plugin response has another node than the one asked for",
    ],
    [
      "no node written",
      () => ({ updateNode: () => ({}) }),
      (store) => store.updateNode(agent, { serialNumber: "" }),
      "plugin response missing node",
    ],
    [
      "a node without an ID",
      () => ({ fetchNode: () => ({ node: {} }) }),
      (store) => store.findNode(agent),
      "plugin response has a malformed node: cannot be empty",
    ],
    [
      "another trust domain's bundle",
      () => ({ fetchBundle: () => ({ bundle: { trustDomain: "elsewhere.org" } }) }),
      (store) => store.findBundle(td),
      "plugin response has another bundle than the one asked for",
    ],
    [
      "another entry",
      () => ({ fetchEntries: () => ({ entries: [{ id: "f", spiffeId: other, parentId: other }] }) }),
      (store) => store.findEntries(["e"]),
      "plugin response has another entry than those asked for",
    ],
    [
      "another entry deleted",
      () => ({ deleteEntry: () => ({ entry: { id: "f", spiffeId: other, parentId: other } }) }),
      (store) => store.deleteEntry("e"),
      "plugin response has another entry than the one asked for",
    ],
    [
      "fewer results than entries",
      () => ({ createEntries: () => ({ results: [] }) }),
      (store) => store.createEntries([entry]),
      "plugin returned 0 results for 1 entries",
    ],
    [
      "more than a page",
      () => ({
        listNodes: async function* () {
          yield { nodes: [wireNode(agent.toString()), wireNode(other)] };
        },
      }),
      (store) => store.listNodes(undefined, { page: { size: 1, token: "" } }),
      "plugin returned 2 items for a page of 1",
    ],
    [
      "another join token",
      () => ({ takeJoinToken: () => ({ joinToken: { token: "s3cret", expiresAt: 5 } }) }),
      (store) => store.takeJoinToken("abc"),
      "plugin response has another join token than the one asked for",
    ],
    [
      "a join token without an end",
      () => ({ takeJoinToken: () => ({ joinToken: { token: "abc" } }) }),
      (store) => store.takeJoinToken("abc"),
      "plugin response has a malformed join token: plugin response missing expiry",
    ],
    [
      "another journal saved",
      () => ({ setCaJournal: () => ({ id: 8 }) }),
      (store) =>
        store.setCaJournal({
          id: 7,
          data: Buffer.alloc(0),
          activeX509AuthorityId: "a",
          activeJwtAuthorityId: "",
        }),
      "plugin saved CA journal 7 as 8",
    ],
    [
      "a journal saved nowhere",
      () => ({ setCaJournal: () => ({}) }),
      (store) =>
        store.setCaJournal({
          id: 0,
          data: Buffer.alloc(0),
          activeX509AuthorityId: "a",
          activeJwtAuthorityId: "",
        }),
      "plugin saved CA journal 0 as 0",
    ],
    [
      "another server's journal",
      () => ({ fetchCaJournal: () => ({ journal: { id: 7, activeX509AuthorityId: "b" } }) }),
      (store) => store.findCaJournal("a"),
      "plugin response has another CA journal than the one asked for",
    ],
  ];
  for (const [title, service, ask, why] of lies) {
    it(`distrusts ${title}`, async () => {
      await using at = await bound(service());
      await assert.rejects(ask(at.store), (error) => {
        const { code, reason, message } = StatusError.from(error);
        assert.deepEqual(
          [code, reason, message],
          [Code.Internal, "PLUGIN_RESPONSE", `datastore-test: ${why}`],
        );
        return true;
      });
    });
  }

  it("says once whose failure it is, unless the store has said it, and keeps the code", async () => {
    for (const [said, heard] of [
      ["record not found", "datastore-test: record not found"],
      ["datastore-sql: record not found", "datastore-sql: record not found"],
    ] as const) {
      await using at = await bound({
        deleteNode: () => {
          throw new StatusError(Code.NotFound, "X", said);
        },
        createEntries: () => ({ results: [{ code: Code.AlreadyExists, message: said, reason: "R" }] }),
      });
      await assert.rejects(at.store.deleteNode(agent), { code: Code.NotFound, message: heard });
      const [result] = await at.store.createEntries([entry]);
      assert.ok(result && "error" in result);
      const { code, reason, message } = StatusError.from(result.error);
      assert.deepEqual([code, reason, message], [Code.AlreadyExists, "R", heard]);
    }
  });

  it("does not set room aside for a page as large as a caller likes", async () => {
    await using at = await bound({
      listNodes: async function* () {
        yield { nodes: [wireNode(agent.toString())] };
      },
      listEntries: async function* () {
        yield { entries: [] };
      },
    });
    const page = { size: 2_147_483_647, token: "" };
    assert.equal((await at.store.listNodes(undefined, { page })).items.length, 1);
    assert.equal((await at.store.listEntries(undefined, page)).items.length, 0);
  });
});

describe("bindDataStoreV1(), watchChanges()", () => {
  it("tells of each change in order, and goes on in the history it knows", async () => {
    const asked: datastore.WatchChangesRequest[] = [];
    await using at = await bound({
      watchChanges: async function* (request) {
        asked.push(request);
        yield { changes: [{ revision: 4, what: { $case: "reset", value: { epoch: "first" } } }] };
        yield {
          changes: [
            { revision: 5, what: { $case: "entryId", value: "e" } },
            { revision: 6, what: { $case: "nodeSpiffeId", value: agent.toString() } },
          ],
        };
        yield { changes: [{ revision: 7, what: { $case: "bundleTrustDomain", value: "example.org" } }] };
        yield {
          changes: [{ revision: 8, what: { $case: "federationTrustDomain", value: "elsewhere.org" } }],
        };
      },
    });
    const { signal } = new AbortController();
    const changes: StoreChange[] = [];
    const watch = async (after?: StorePosition): Promise<void> => {
      for await (const change of at.store.watchChanges({ signal, ...(after !== undefined && { after }) }))
        changes.push(change);
    };
    await assert.rejects(watch(), {
      code: Code.Unavailable,
      message: "datastore-test: the plugin closed its change stream",
    });
    assert.deepEqual(changes, [
      { revision: 4, kind: "reset", epoch: "first" },
      { revision: 5, kind: "entry", entryId: "e" },
      { revision: 6, kind: "node", spiffeId: agent.toString() },
      { revision: 7, kind: "bundle", trustDomain: "example.org" },
      { revision: 8, kind: "federation", trustDomain: "elsewhere.org" },
    ]);
    // What another reader was told of since is not where this one has stopped.
    await assert.rejects(watch({ epoch: "before", revision: 8 }), { code: Code.Unavailable });
    assert.deepEqual(
      asked.map(({ epoch, afterRevision }) => [epoch, afterRevision]),
      [
        ["", 0],
        ["before", 8],
      ],
    );
  });

  it("ends quietly when nobody listens any more", async () => {
    await using at = await bound({
      watchChanges: async function* () {
        yield { changes: [{ revision: 1, what: { $case: "reset", value: { epoch: "a" } } }] };
        await new Promise(() => undefined);
      },
    });
    const stop = new AbortController();
    for await (const _ of at.store.watchChanges({ signal: stop.signal })) stop.abort();
  });

  it("distrusts a change of no known kind", async () => {
    await using at = await bound({
      watchChanges: async function* () {
        yield { changes: [{ revision: 1 }] };
      },
    });
    const { signal } = new AbortController();
    await assert.rejects(Array.fromAsync(at.store.watchChanges({ signal })), {
      code: Code.Internal,
      message: "datastore-test: plugin told of a change of no known kind",
    });
  });
});

describe("bindDataStoreV1(), when the plugin is another process", () => {
  /** A store that has told of changes up to a revision, and what it makes of a process whose stream begins so. */
  async function returning(epoch: string) {
    const asked: datastore.WatchChangesRequest[] = [];
    const watch = async function* () {
      yield {
        changes: [
          { revision: 7, what: { $case: "reset", value: { epoch } } },
          { revision: 8, what: { $case: "entryId", value: "e" } },
        ],
      } satisfies PartialMessage<datastore.WatchChangesResponse>;
    };
    const loaded = await loadPlugin(
      definePlugin({ type: DataStoreType, name: "test", open: () => ({ service: { watchChanges: watch } }) }),
    );
    let check: (fresh: ClientOf) => Promise<void> = () => assert.fail("nothing is examined");
    const examine = (added: typeof check): void => {
      check = added;
    };
    const store = bindDataStoreV1({ ...loaded, returns: { ephemeral: false, examine } });
    const stop = new AbortController();
    await assert.rejects(Array.fromAsync(store.watchChanges({ signal: stop.signal })), {
      reason: "STREAM_ENDED",
    });
    const comesBackWith = (revision: number): Promise<void> =>
      check((() => ({
        watchChanges: async function* (request: datastore.WatchChangesRequest) {
          asked.push(request);
          yield { changes: [{ revision, what: { $case: "reset", value: { epoch: "new" } } }] };
        },
      })) as unknown as ClientOf);
    return { asked, comesBackWith, [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose]() };
  }

  it("takes it when its history goes on where it was left", async () => {
    await using at = await returning("one");
    await at.comesBackWith(8);
    assert.deepEqual(at.asked, [{ epoch: "one", afterRevision: 8 }]);
  });

  for (const revision of [7, 9])
    it(`refuses it when its history is another: it goes on from ${revision}`, async () => {
      await using at = await returning("one");
      await assert.rejects(at.comesBackWith(revision), {
        code: Code.FailedPrecondition,
        reason: "PLUGIN_REFUSED",
        message:
          "it came back with another store than it had, or an older state of it; it is used again when it has that one, or after a restart of the server",
      });
    });

  it("takes one whose histories have no names, as it cannot be told from another", async () => {
    await using at = await returning("");
    await at.comesBackWith(1);
    assert.deepEqual(at.asked, []);
  });

  it("reads a list anew when the process ended in the middle of it, three times at most", async () => {
    let opened = 0;
    const ended = new StatusError(Code.Unavailable, "PLUGIN_EXITED", "plugin ended while it was asked");
    const askForBundles = (fails: number) => {
      opened = fails;
      const store = bindDataStoreV1({
        name: "test",
        services: new Set(),
        client: (() => ({
          listBundles: async function* () {
            opened++;
            yield { bundles: [{ trustDomain: "example.org", x509Authorities: [], jwtAuthorities: [] }] };
            if (opened < 3) throw ended;
          },
        })) as unknown as ClientOf,
      });
      return store.listBundles();
    };
    assert.equal((await askForBundles(0)).items.length, 1);
    await assert.rejects(askForBundles(-1), { reason: "PLUGIN_EXITED" });
  });
});
