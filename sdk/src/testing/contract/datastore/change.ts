import assert from "node:assert/strict";
import {
  type Change,
  DataStoreDefinition,
  DeleteBundleRequest_Mode as DeleteMode,
  type WatchChangesRequest,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { describe, it } from "../suite.ts";
import { bundleOf, createdEntries, entryOf, type StoreClient } from "./sample.ts";

/** Reads changes as they come. Dispose of it. */
class Watch implements AsyncDisposable {
  readonly #changes: AsyncIterator<Change>;
  #last: Change | undefined;

  constructor(store: StoreClient, request: Partial<WatchChangesRequest> = {}) {
    this.#changes = (async function* () {
      for await (const { changes } of store.watchChanges(request)) yield* changes;
    })();
  }

  get revision(): number {
    return this.#last?.revision ?? 0;
  }

  async next(): Promise<Change> {
    const { value, done } = await this.#changes.next();
    assert.ok(!done, "the stream ended");
    if (this.#last !== undefined) assert.ok(value.revision > this.#last.revision, "revisions grow strictly");
    this.#last = value;
    return value;
  }

  async epoch(): Promise<string> {
    const { what } = await this.next();
    assert.equal(what?.$case, "reset");
    return what.value.epoch;
  }

  /** Kinds and names of all changes up to one of the trust domain, which is made by no one else. */
  async upTo(trustDomain: string): Promise<Set<string>> {
    const seen = new Set<string>();
    for (;;) {
      const { what } = await this.next();
      assert.ok(what !== undefined && what.$case !== "reset");
      if (what.$case === "bundleTrustDomain" && what.value === trustDomain) return seen;
      seen.add(`${what.$case} ${what.value}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#changes.return?.();
  }
}

const relationship = {
  trustDomain: "fed.org",
  bundleEndpointUrl: "https://fed.org/bundle",
  profile: { $case: "httpsWeb", value: {} },
} as const;

export function changeContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for changes", () => {
    it("begins with a reset, then tells of every kind of change", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await store.createBundle({ bundle: bundleOf("before.org") });
      await using watch = new Watch(store);
      assert.notEqual(await watch.epoch(), "");
      let steps = 0;
      const expects = async (work: () => Promise<unknown>, ...expected: string[]): Promise<void> => {
        await work();
        steps++;
        await store.createBundle({ bundle: bundleOf(`step${steps}.org`) });
        assert.deepEqual(await watch.upTo(`step${steps}.org`), new Set(expected));
      };
      const [a, b] = [entryOf("a", { id: "a", federatesWith: ["other.org"] }), entryOf("b", { id: "b" })];
      const node = { spiffeId: "spiffe://example.org/node", serialNumber: "1", expiresAt: 1 };
      const isNode = `nodeSpiffeId ${node.spiffeId}`;
      const isBundle = "bundleTrustDomain other.org";
      const isFederation = "federationTrustDomain fed.org";
      await expects(() => store.createBundle({ bundle: bundleOf("other.org") }), isBundle);
      await expects(() => createdEntries(store, [a, b]), "entryId a", "entryId b");
      await expects(() => store.createEntries({ entries: [a] }));
      await expects(() => store.updateEntry({ entry: b }), "entryId b");
      await expects(() => store.deleteEntry({ id: "b" }), "entryId b");
      await expects(() => store.createNode({ node }), isNode);
      await expects(() => store.setNodeSelectors({ spiffeId: node.spiffeId, selectors: [] }), isNode);
      await expects(() => store.updateNode({ node }), isNode);
      await expects(() => store.deleteNode({ spiffeId: node.spiffeId }), isNode);
      await expects(() => store.createFederationRelationship({ relationship }), isFederation);
      await expects(() => store.updateFederationRelationship({ relationship }), isFederation);
      await expects(() => store.deleteFederationRelationship({ trustDomain: "fed.org" }), isFederation);
      const deletion = { trustDomain: "other.org", mode: DeleteMode.DISSOCIATE };
      await expects(() => store.deleteBundle(deletion), isBundle, "entryId a");
      await expects(() => store.createJoinToken({ joinToken: { token: "t", expiresAt: 1 } }));
    });

    it("goes on where a stream stopped, and resets where it cannot", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await using first = new Watch(store);
      const epoch = await first.epoch();
      await store.createBundle({ bundle: bundleOf("a.org") });
      await first.upTo("a.org");
      await store.createBundle({ bundle: bundleOf("b.org") });
      await store.createBundle({ bundle: bundleOf("c.org") });
      await using second = new Watch(store, { epoch, afterRevision: first.revision });
      await second.epoch();
      assert.equal(second.revision, first.revision);
      assert.deepEqual(await second.upTo("c.org"), new Set(["bundleTrustDomain b.org"]));

      for (const lost of [
        { epoch: "another", afterRevision: first.revision },
        { epoch, afterRevision: second.revision + 1000 },
      ]) {
        await using third = new Watch(store, lost);
        await third.epoch();
        assert.equal(third.revision, second.revision);
      }
      await using other = new Watch(store, { epoch: "another", afterRevision: second.revision });
      await other.epoch();
      assert.notEqual(other.revision, second.revision, "as if nothing were lost");
    });

    it("tells several readers of the writes of many writers", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await using one = new Watch(store);
      await using two = new Watch(store);
      await one.epoch();
      await two.epoch();
      const names = Array.from({ length: 50 }, (_, index) => `w${index}`);
      await Promise.all(names.map((name) => createdEntries(store, [entryOf(name, { id: name })])));
      await store.createBundle({ bundle: bundleOf("end.org") });
      const expected = new Set(names.map((name) => `entryId ${name}`));
      assert.deepEqual(await one.upTo("end.org"), expected);
      assert.deepEqual(await two.upTo("end.org"), expected);
    });
  });
}
