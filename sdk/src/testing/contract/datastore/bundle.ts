import assert from "node:assert/strict";
import {
  DataStoreDefinition,
  DeleteBundleRequest_Mode as DeleteMode,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code } from "../../../status/code.ts";
import type { LoadedPlugin } from "../../load-plugin.ts";
import { type TestCa, testCa } from "../../test-ca.ts";
import { messagesOf, refusalOf } from "../refusal.ts";
import { describe, it } from "../suite.ts";
import { bundleOf, createdEntries, entryOf } from "./sample.ts";

const trustDomain = "example.org";
const longAgo = 1;
const jwtKey = (keyId: string, expiresAt = 0, tainted = false) => ({
  keyId,
  publicKey: Buffer.from(keyId),
  expiresAt,
  tainted,
});
const x509 = (ca: TestCa, tainted = false) => ({ asn1: ca.rootDer, tainted });
const subjectKeyIdOf = (ca: TestCa): string => ca.root.subjectKeyId?.toString("hex") ?? "";

export function bundleContract(load: () => Promise<LoadedPlugin>): void {
  describe("the DataStore contract for bundles", () => {
    it("creates, gives, counts, replaces and deletes", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      assert.equal((await store.fetchBundle({ trustDomain })).bundle, undefined);
      const bundle = bundleOf(trustDomain, {
        x509Authorities: [x509(await testCa(), true)],
        jwtAuthorities: [jwtKey("a", 2_000_000_000, true)],
        refreshHint: 60,
        sequenceNumber: 7,
      });
      assert.deepEqual((await store.createBundle({ bundle })).bundle, bundle);
      assert.equal((await refusalOf(store.createBundle({ bundle }))).code, Code.AlreadyExists);
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, bundle);
      assert.equal((await store.countBundles({})).count, 1);
      const empty = bundleOf(trustDomain);
      assert.deepEqual((await store.setBundle({ bundle: empty })).bundle, empty);
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, empty);
      await store.deleteBundle({ trustDomain });
      assert.equal((await store.countBundles({})).count, 0);
      assert.equal((await refusalOf(store.deleteBundle({ trustDomain }))).code, Code.NotFound);
      assert.equal((await refusalOf(store.updateBundle({ bundle }))).code, Code.NotFound);
      assert.deepEqual((await store.setBundle({ bundle })).bundle, bundle);
    });

    it("updates what the mask names", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const held = bundleOf(trustDomain, {
        jwtAuthorities: [jwtKey("a")],
        refreshHint: 1,
        sequenceNumber: 1,
      });
      await store.createBundle({ bundle: held });
      const bundle = bundleOf(trustDomain, { refreshHint: 2, sequenceNumber: 2 });
      assert.deepEqual((await store.updateBundle({ bundle, mask: { refreshHint: true } })).bundle, {
        ...held,
        refreshHint: 2,
      });
      assert.deepEqual((await store.updateBundle({ bundle })).bundle, bundle);
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, bundle);
    });

    it("appends what is missing, and raises the sequence number when anything was", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const bundle = bundleOf(trustDomain, { jwtAuthorities: [jwtKey("a")] });
      assert.deepEqual((await store.appendBundle({ bundle })).bundle, bundle);
      assert.deepEqual((await store.appendBundle({ bundle })).bundle, bundle);
      const more = bundleOf(trustDomain, {
        x509Authorities: [x509(await testCa())],
        jwtAuthorities: [jwtKey("a"), jwtKey("b")],
      });
      assert.deepEqual((await store.appendBundle({ bundle: more })).bundle, { ...more, sequenceNumber: 1 });
    });

    it("lists them in pages", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const names = ["a.example.org", "b.example.org", "c.example.org"];
      for (const name of names) await store.createBundle({ bundle: bundleOf(name) });
      const list = async (page?: { readonly size: number; readonly token?: string }) => {
        const parts = await messagesOf(store.listBundles({ page }));
        const listed = parts.flatMap(({ bundles }) => bundles.map((bundle) => bundle.trustDomain));
        return [listed, parts.at(-1)?.nextPageToken ?? ""] as const;
      };
      assert.deepEqual(await list(), [names, ""]);
      const [first, token] = await list({ size: 2 });
      assert.deepEqual(first, names.slice(0, 2));
      assert.deepEqual(await list({ size: 2, token }), [names.slice(2), ""]);
      assert.deepEqual(await list({ size: 3 }), [names, ""]);
      for (const page of [{ size: 0 }, { size: -1 }, { size: 1, token: "x" }])
        assert.equal((await refusalOf(messagesOf(store.listBundles({ page })))).code, Code.InvalidArgument);
    });

    it("prunes expired authorities, but never the last of a kind", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const x509Authorities = [x509(await testCa())];
      const [live, endless, expired] = [jwtKey("a", 2_000_000_000), jwtKey("b"), jwtKey("c", longAgo)];
      const expiredBefore = 1_000_000_000;
      assert.equal((await store.pruneBundle({ trustDomain, expiredBefore })).changed, false);
      await store.createBundle({
        bundle: bundleOf(trustDomain, { x509Authorities, jwtAuthorities: [live, endless, expired] }),
      });
      assert.equal((await store.pruneBundle({ trustDomain, expiredBefore })).changed, true);
      assert.equal((await store.pruneBundle({ trustDomain, expiredBefore })).changed, false);
      const pruned = bundleOf(trustDomain, {
        x509Authorities,
        jwtAuthorities: [live, endless],
        sequenceNumber: 1,
      });
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, pruned);
      const far = { trustDomain, expiredBefore: 9_000_000_000 };
      assert.equal((await refusalOf(store.pruneBundle(far))).code, Code.FailedPrecondition);
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, pruned);
    });

    it("taints an X.509 authority, and revokes tainted ones only", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      const [one, other] = [await testCa(), await testCa()];
      await store.createBundle({
        bundle: bundleOf(trustDomain, { x509Authorities: [x509(one), x509(other)] }),
      });
      const request = { trustDomain, subjectKeyId: subjectKeyIdOf(one) };
      const unknown = { trustDomain, subjectKeyId: "00" };
      assert.equal((await refusalOf(store.revokeX509Authority(request))).code, Code.InvalidArgument);
      await store.taintX509Authority(request);
      assert.equal((await refusalOf(store.taintX509Authority(request))).code, Code.InvalidArgument);
      assert.equal((await refusalOf(store.taintX509Authority(unknown))).code, Code.NotFound);
      const tainted = bundleOf(trustDomain, {
        x509Authorities: [x509(one, true), x509(other)],
        sequenceNumber: 1,
      });
      assert.deepEqual((await store.fetchBundle({ trustDomain })).bundle, tainted);
      await store.revokeX509Authority(request);
      assert.equal((await refusalOf(store.revokeX509Authority(request))).code, Code.NotFound);
      assert.deepEqual(
        (await store.fetchBundle({ trustDomain })).bundle,
        bundleOf(trustDomain, { x509Authorities: [x509(other)], sequenceNumber: 2 }),
      );
    });

    it("taints a JWT authority, and revokes tainted ones only", async () => {
      await using plugin = await load();
      const store = plugin.client(DataStoreDefinition);
      await store.createBundle({
        bundle: bundleOf(trustDomain, { jwtAuthorities: [jwtKey("a"), jwtKey("b")] }),
      });
      const request = { trustDomain, keyId: "a" };
      const unknown = { trustDomain, keyId: "none" };
      assert.equal((await refusalOf(store.revokeJwtAuthority(request))).code, Code.InvalidArgument);
      assert.deepEqual((await store.taintJwtAuthority(request)).jwtAuthority, jwtKey("a", 0, true));
      assert.equal((await refusalOf(store.taintJwtAuthority(request))).code, Code.InvalidArgument);
      assert.equal((await refusalOf(store.taintJwtAuthority(unknown))).code, Code.NotFound);
      assert.deepEqual((await store.revokeJwtAuthority(request)).jwtAuthority, jwtKey("a", 0, true));
      assert.equal((await refusalOf(store.revokeJwtAuthority(request))).code, Code.NotFound);
      assert.deepEqual(
        (await store.fetchBundle({ trustDomain })).bundle,
        bundleOf(trustDomain, { jwtAuthorities: [jwtKey("b")], sequenceNumber: 2 }),
      );
    });

    it("deletes a bundle that entries federate with only as the mode says", async () => {
      const left = async (mode: DeleteMode): Promise<readonly (readonly string[])[]> => {
        await using plugin = await load();
        const store = plugin.client(DataStoreDefinition);
        await store.createBundle({ bundle: bundleOf("other.org") });
        await createdEntries(store, [entryOf("a", { federatesWith: ["other.org"] }), entryOf("b")]);
        const restricted = await refusalOf(store.deleteBundle({ trustDomain: "other.org" }));
        assert.equal(restricted.code, Code.FailedPrecondition);
        await store.deleteBundle({ trustDomain: "other.org", mode });
        assert.equal((await store.fetchBundle({ trustDomain: "other.org" })).bundle, undefined);
        const parts = await messagesOf(store.listEntries({}));
        return parts
          .flatMap(({ entries }) => entries)
          .map((entry) => [entry.spiffeId, ...entry.federatesWith]);
      };
      const [a, b] = ["spiffe://example.org/a", "spiffe://example.org/b"];
      assert.deepEqual(await left(DeleteMode.DELETE), [[b]]);
      assert.deepEqual(await left(DeleteMode.DISSOCIATE), [[a], [b]]);
    });
  });
}
