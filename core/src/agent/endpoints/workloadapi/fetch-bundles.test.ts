import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { type Bundle, formatJwks } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { fakeEntry, toCachedSvid } from "../../cache/fake-entry.ts";
import { FakeWorkloadApi, nextOf } from "./fake-workload-api.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const foreign = await testCa({ clock, trustDomain: "b.example.org" });
const unrelated = await testCa({ clock, trustDomain: "c.example.org" });
const svid = toCachedSvid(await ca.x509Svid("/a"));
const entry = fakeEntry("a", { selectors: ["x:w"], federatesWith: ["b.example.org"] });

const start = (allowUnauthenticatedVerifiers = false) =>
  FakeWorkloadApi.start({ clock, logger: captureLog(), bundle: ca.bundle, allowUnauthenticatedVerifiers });

const noIdentity = { code: Code.PermissionDenied, message: "no identity issued" };

/** Both bundle streams do the same, each with its own part of a bundle. */
const kinds: readonly {
  readonly method: "fetchX509Bundles" | "fetchJWTBundles";
  readonly encode: (bundle: Bundle) => string;
  /** A change of what is encoded, and one of what is not. */
  readonly changed: Bundle;
  readonly unchanged: Bundle;
}[] = [
  {
    method: "fetchX509Bundles",
    encode: ({ x509Authorities }) =>
      Buffer.concat(x509Authorities.map(({ certificateDer }) => certificateDer)).toString("latin1"),
    changed: {
      ...ca.bundle,
      x509Authorities: [...ca.bundle.x509Authorities, ...unrelated.bundle.x509Authorities],
    },
    unchanged: { ...ca.bundle, jwtAuthorities: [] },
  },
  {
    method: "fetchJWTBundles",
    encode: ({ jwtAuthorities }) => formatJwks(jwtAuthorities),
    changed: { ...ca.bundle, jwtAuthorities: [] },
    unchanged: {
      ...ca.bundle,
      x509Authorities: [...ca.bundle.x509Authorities, ...unrelated.bundle.x509Authorities],
    },
  },
];

for (const { method, encode, changed, unchanged } of kinds) {
  const open = (api: FakeWorkloadApi): AsyncIterator<{ readonly bundles: Record<string, Buffer> }> =>
    api.client[method]({}, api.asWorkload)[Symbol.asyncIterator]();
  const bundlesOf = async (stream: ReturnType<typeof open>): Promise<Record<string, string>> =>
    Object.fromEntries(
      Object.entries((await nextOf(stream)).bundles).map(([id, bytes]) => [id, bytes.toString("latin1")]),
    );
  const own = (bundle = ca.bundle) => ({ "spiffe://example.org": encode(bundle) });
  const both = { ...own(), "spiffe://b.example.org": encode(foreign.bundle) };

  describe(method, () => {
    it("sends the own bundle and those the caller federates with, no others", async () => {
      await using api = await start();
      api.setEntries(
        [entry, fakeEntry("c", { federatesWith: ["c.example.org"] })],
        [ca.bundle, foreign.bundle, unrelated.bundle],
      );
      api.issue(entry, svid);
      assert.deepEqual(await bundlesOf(open(api)), both);
    });

    it("sends them again when they change, but never the same twice", async () => {
      await using api = await start();
      api.setEntries([entry]);
      api.issue(entry, svid);
      const stream = open(api);
      assert.deepEqual(await bundlesOf(stream), own());
      const next = bundlesOf(stream);
      // A rotation, then a bundle whose other half changed: nothing new for this stream.
      for (const stir of [() => api.issue(entry, svid), () => api.setEntries([entry], [unchanged])]) {
        stir();
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      api.setEntries([entry], [changed, foreign.bundle]);
      assert.deepEqual(await next, { ...own(changed), "spiffe://b.example.org": encode(foreign.bundle) });
      api.setEntries([entry], [changed]);
      assert.deepEqual(await bundlesOf(stream), own(changed));
    });

    it("refuses a caller without an identity, and ends when the last is gone", async () => {
      await using api = await start();
      await assert.rejects(nextOf(open(api)), noIdentity);
      api.setEntries([entry]);
      api.issue(entry, svid);
      const stream = open(api);
      await nextOf(stream);
      api.setEntries([]);
      await assert.rejects(nextOf(stream), noIdentity);
    });

    it("gives a verifier without an identity the own bundle alone, where that is allowed", async () => {
      await using api = await start(true);
      api.setEntries([fakeEntry("c", { federatesWith: ["b.example.org"] })], [ca.bundle, foreign.bundle]);
      const stream = open(api);
      assert.deepEqual(await bundlesOf(stream), own());
      const next = bundlesOf(stream);
      api.setEntries([entry], [ca.bundle, foreign.bundle]);
      api.issue(entry, svid);
      assert.deepEqual(await next, both);
      const last = bundlesOf(stream);
      api.setEntries([], [ca.bundle, foreign.bundle]);
      assert.deepEqual(await last, own());
    });
  });
}
