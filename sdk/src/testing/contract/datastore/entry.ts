import assert from "node:assert/strict";
import { DataStoreDefinition, type Entry } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code } from "../../../status/code.ts";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { messagesOf, refusalOf } from "../refusal.ts";
import { describe, it } from "../suite.ts";
import { bundleOf, createdEntries, entryOf } from "./sample.ts";

const full: Entry = {
  id: "an-id_1.A",
  spiffeId: "spiffe://example.org/full",
  parentId: "spiffe://example.org/agent",
  selectors: [
    { type: "unix", value: "uid:1000" },
    { type: "k8s", value: "ns:a:b" },
  ],
  x509SvidTtl: 60,
  jwtSvidTtl: 30,
  federatesWith: ["a.org", "b.org"],
  admin: true,
  downstream: true,
  expiresAt: 2_000_000_000,
  dnsNames: ["b.example.org", "a.example.org"],
  revisionNumber: 0,
  storeSvid: false,
  hint: "hint",
  createdAt: 0,
  disableX509SvidPrefetch: true,
  jwtSvidIncludeJti: true,
};

export function entryContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for entries", () => {
    it("keeps every field", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const name of ["a.org", "b.org"]) await store.createBundle({ bundle: bundleOf(name) });
      const before = Math.floor(Date.now() / 1000);
      const [created] = await createdEntries(store, [full]);
      assert.ok(created !== undefined && created.createdAt >= before);
      assert.deepEqual({ ...created, createdAt: 0 }, full);
      const { entries } = await store.fetchEntries({ ids: [full.id, "none"] });
      assert.deepEqual(entries, [created]);
      assert.deepEqual((await store.deleteEntry({ id: full.id })).entry, created);
      assert.equal((await refusalOf(store.deleteEntry({ id: full.id }))).code, Code.NotFound);
      assert.deepEqual((await store.fetchEntries({ ids: [full.id] })).entries, []);
    });

    it("makes IDs, and answers a similar entry instead of making another", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const selectors = [
        { type: "a", value: "1" },
        { type: "a", value: "2" },
      ];
      const [created] = await createdEntries(store, [entryOf("a", { selectors })]);
      assert.match(created?.id ?? "", /^[-0-9a-f]{36}$/);
      const similar = entryOf("a", { selectors: selectors.toReversed(), hint: "other" });
      const { results } = await store.createEntries({
        entries: [similar, entryOf("a", { selectors: selectors.slice(1) })],
      });
      assert.deepEqual(
        results.map(({ existing }) => existing),
        [true, false],
      );
      assert.deepEqual(results[0]?.entry, created);
    });

    it("answers a new entry as it will be read: each trust domain once, in the order of the bundles", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const name of ["b.org", "a.org"]) await store.createBundle({ bundle: bundleOf(name) });
      const federatesWith = ["a.org", "b.org", "a.org"];
      const [created] = await createdEntries(store, [entryOf("a", { federatesWith })]);
      assert.deepEqual(created?.federatesWith, ["b.org", "a.org"]);
      assert.deepEqual((await store.fetchEntries({ ids: [created.id] })).entries, [created]);
    });

    it("answers each entry of a batch for itself", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const { results } = await store.createEntries({
        entries: [
          entryOf("a", { id: "taken" }),
          entryOf("b", { id: "taken" }),
          entryOf("c", { selectors: [] }),
          entryOf("d", { federatesWith: ["unknown.org"] }),
          entryOf("e", { id: "no spaces" }),
          entryOf("f", { id: "x".repeat(256) }),
          entryOf("g", { spiffeId: "" }),
          entryOf("h", { x509SvidTtl: -1 }),
          entryOf("i", { jwtSvidTtl: -1 }),
          entryOf("j", {
            storeSvid: true,
            selectors: [
              { type: "a", value: "1" },
              { type: "b", value: "1" },
            ],
          }),
          entryOf("k", { storeSvid: true, disableX509SvidPrefetch: true }),
          entryOf("l"),
        ],
      });
      const { AlreadyExists, FailedPrecondition, InvalidArgument, Ok } = Code;
      assert.deepEqual(
        results.map(({ code }) => code),
        [
          Ok,
          AlreadyExists,
          InvalidArgument,
          FailedPrecondition,
          ...Array.from({ length: 7 }, () => InvalidArgument),
          Ok,
        ],
      );
      for (const { code, message, reason, entry } of results) {
        assert.equal(entry !== undefined, code === Ok);
        assert.equal(message !== "" && reason !== "", code !== Ok);
      }
      assert.equal((await store.countEntries({})).count, 2);
    });

    it("updates what the mask names and raises the revision number", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const name of ["a.org", "b.org"]) await store.createBundle({ bundle: bundleOf(name) });
      const [created] = await createdEntries(store, [full]);
      const next = {
        ...entryOf("next", { id: full.id, federatesWith: ["b.org"], dnsNames: ["c.example.org"], hint: "n" }),
        createdAt: created?.createdAt ?? 0,
      };
      const fields = Object.keys(full).filter(
        (field) => !["id", "revisionNumber", "createdAt"].includes(field),
      );
      let held = created;
      for (const [index, field] of fields.entries()) {
        const { entry } = await store.updateEntry({ entry: next, mask: { [field]: true } });
        held = { ...full, ...held, [field]: next[field as keyof Entry], revisionNumber: index + 1 };
        assert.deepEqual(entry, held, field);
        assert.deepEqual((await store.fetchEntries({ ids: [full.id] })).entries, [held]);
      }
      const { entry } = await store.updateEntry({ entry: { ...next, hint: "all" } });
      assert.deepEqual(entry, { ...next, hint: "all", revisionNumber: fields.length + 1 });
    });

    it("refuses updates that would leave no proper entry, and changes nothing then", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const [created] = await createdEntries(store, [entryOf("a")]);
      const id = created?.id ?? "";
      const two = [
        { type: "a", value: "1" },
        { type: "b", value: "1" },
      ];
      const cases = [
        [{ entry: entryOf("a", { id: "none" }) }, Code.NotFound],
        [{ entry: entryOf("a", { id, selectors: [] }) }, Code.InvalidArgument],
        [{ entry: entryOf("a", { id, spiffeId: "" }) }, Code.InvalidArgument],
        [{ entry: entryOf("a", { id, x509SvidTtl: -1 }), mask: { x509SvidTtl: true } }, Code.InvalidArgument],
        [{ entry: entryOf("a", { id, jwtSvidTtl: -1 }), mask: { jwtSvidTtl: true } }, Code.InvalidArgument],
        [{ entry: entryOf("a", { id, storeSvid: true, selectors: two }) }, Code.InvalidArgument],
        [{ entry: entryOf("a", { id, federatesWith: ["unknown.org"] }) }, Code.FailedPrecondition],
      ] as const;
      for (const [request, code] of cases)
        assert.equal((await refusalOf(store.updateEntry(request))).code, code);
      assert.deepEqual((await store.fetchEntries({ ids: [id] })).entries, [created]);
    });

    it("prunes what expired before, and says what", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const [expired] = await createdEntries(store, [
        entryOf("a", { expiresAt: 999 }),
        entryOf("b", { expiresAt: 1000 }),
        entryOf("c"),
      ]);
      const pruned = await messagesOf(store.pruneEntries({ expiresBefore: 1000 }));
      assert.deepEqual(
        pruned.flatMap(({ entries }) => entries),
        [expired],
      );
      assert.equal((await store.countEntries({})).count, 2);
    });
  });
}
