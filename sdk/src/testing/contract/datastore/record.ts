import assert from "node:assert/strict";
import {
  DataStoreDefinition,
  type FederationRelationship,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code } from "../../../status/code.ts";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { messagesOf, refusalOf } from "../refusal.ts";
import { describe, it } from "../suite.ts";

const web: FederationRelationship = {
  trustDomain: "web.org",
  bundleEndpointUrl: "https://web.org/bundle",
  profile: { $case: "httpsWeb", value: {} },
};
const spiffe: FederationRelationship = {
  trustDomain: "spiffe.org",
  bundleEndpointUrl: "https://spiffe.org/bundle",
  profile: { $case: "httpsSpiffe", value: { endpointSpiffeId: "spiffe://spiffe.org/server" } },
};

export function recordContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for join tokens", () => {
    it("keeps, gives and takes a token", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const joinToken = { token: "secret", expiresAt: 1000 };
      await store.createJoinToken({ joinToken });
      const { message, code } = await refusalOf(store.createJoinToken({ joinToken }));
      assert.equal(code, Code.AlreadyExists);
      assert.ok(!message.includes("secret"), message);
      for (const incomplete of [{ token: "a" }, { expiresAt: 1 }])
        assert.equal(
          (await refusalOf(store.createJoinToken({ joinToken: incomplete }))).code,
          Code.InvalidArgument,
        );
      assert.deepEqual((await store.fetchJoinToken({ token: "secret" })).joinToken, joinToken);
      assert.equal((await store.fetchJoinToken({ token: "none" })).joinToken, undefined);
      assert.equal((await store.takeJoinToken({ token: "none" })).joinToken, undefined);
    });

    it("gives a token to one of many takers", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await store.createJoinToken({ joinToken: { token: "one", expiresAt: 1000 } });
      const takers = Array.from({ length: 20 }, () => store.takeJoinToken({ token: "one" }));
      const taken = (await Promise.all(takers)).filter(({ joinToken }) => joinToken !== undefined);
      assert.deepEqual(taken, [{ joinToken: { token: "one", expiresAt: 1000 } }]);
      assert.equal((await store.fetchJoinToken({ token: "one" })).joinToken, undefined);
    });

    it("prunes what expired before", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const expiresAt of [999, 1000])
        await store.createJoinToken({ joinToken: { token: String(expiresAt), expiresAt } });
      await store.pruneJoinTokens({ expiredBefore: 1000 });
      assert.equal((await store.fetchJoinToken({ token: "999" })).joinToken, undefined);
      assert.ok((await store.fetchJoinToken({ token: "1000" })).joinToken);
    });
  });

  describe("the DataStore contract for federation relationships", () => {
    it("creates, gives, lists in pages, updates and deletes", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const relationship of [web, spiffe])
        assert.deepEqual(
          (await store.createFederationRelationship({ relationship })).relationship,
          relationship,
        );
      const again = await refusalOf(store.createFederationRelationship({ relationship: web }));
      assert.equal(again.code, Code.AlreadyExists);
      const fetched = await store.fetchFederationRelationship({ trustDomain: "spiffe.org" });
      assert.deepEqual(fetched.relationship, spiffe);
      const [first] = await messagesOf(store.listFederationRelationships({ page: { size: 1 } }));
      assert.deepEqual(first?.relationships, [web]);
      const page = { size: 1, token: first.nextPageToken };
      assert.deepEqual(await messagesOf(store.listFederationRelationships({ page })), [
        { relationships: [spiffe], nextPageToken: "" },
      ]);
      const relationship = { ...web, trustDomain: "spiffe.org" };
      const updated = await store.updateFederationRelationship({ relationship });
      assert.deepEqual(updated.relationship, relationship);
      const stored = await store.fetchFederationRelationship({ trustDomain: "spiffe.org" });
      assert.deepEqual(stored.relationship, relationship);
      await store.deleteFederationRelationship({ trustDomain: "spiffe.org" });
      const gone = { trustDomain: "spiffe.org" };
      assert.equal((await refusalOf(store.deleteFederationRelationship(gone))).code, Code.NotFound);
      assert.equal(
        (await refusalOf(store.updateFederationRelationship({ relationship }))).code,
        Code.NotFound,
      );
      assert.equal((await store.fetchFederationRelationship(gone)).relationship, undefined);
    });

    it("refuses incomplete ones", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      for (const relationship of [
        { ...web, trustDomain: "" },
        { ...web, bundleEndpointUrl: "" },
        { ...web, profile: undefined },
        { ...web, profile: { $case: "httpsSpiffe", value: { endpointSpiffeId: "" } } as const },
      ])
        assert.equal(
          (await refusalOf(store.createFederationRelationship({ relationship }))).code,
          Code.InvalidArgument,
        );
    });
  });

  describe("the DataStore contract for CA journals", () => {
    it("saves under the journal's id, finds by authority, lists and deletes", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const journal = {
        id: 0,
        data: Buffer.of(0, 1, 255),
        activeX509AuthorityId: "aa",
        activeJwtAuthorityId: "bb",
      };
      const { id } = await store.setCaJournal({ journal });
      assert.ok(id > 0);
      const other = await store.setCaJournal({ journal: { ...journal, activeX509AuthorityId: "cc" } });
      const next = { ...journal, id, data: Buffer.of(2), activeX509AuthorityId: "dd" };
      assert.equal((await store.setCaJournal({ journal: next })).id, id);
      const find = async (activeX509AuthorityId: string) =>
        (await store.fetchCaJournal({ activeX509AuthorityId })).journal;
      assert.deepEqual(await find("dd"), next);
      assert.equal(await find("aa"), undefined);
      const list = async () =>
        (await messagesOf(store.listCaJournals({}))).flatMap(({ journals }) =>
          journals.map((each) => each.id),
        );
      assert.deepEqual(await list(), [id, other.id]);
      await store.deleteCaJournal({ id });
      assert.deepEqual(await list(), [other.id]);
      assert.equal((await refusalOf(store.deleteCaJournal({ id }))).code, Code.NotFound);
      assert.equal((await refusalOf(store.setCaJournal({ journal: next }))).code, Code.NotFound);
      assert.equal((await refusalOf(store.setCaJournal({}))).code, Code.InvalidArgument);
    });
  });
}
