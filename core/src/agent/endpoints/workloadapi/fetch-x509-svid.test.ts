import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { X509SVIDResponse } from "@finial/proto/workload/workload";
import { Code } from "@finial/sdk";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import type { AuthorizedEntry } from "../../cache/authorized-entry.ts";
import { fakeEntry, toCachedSvid } from "../../cache/fake-entry.ts";
import { FakeWorkloadApi, nextOf } from "./fake-workload-api.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const below = await ca.intermediate("below");
const foreign = await testCa({ clock, trustDomain: "b.example.org" });

const start = () => FakeWorkloadApi.start({ clock, logger: captureLog(), bundle: ca.bundle });

const make = async ({ spiffeId }: AuthorizedEntry, issuer = ca) =>
  toCachedSvid(await issuer.x509Svid(spiffeId.path));

const fetchOf = (api: FakeWorkloadApi): AsyncIterator<X509SVIDResponse> =>
  api.client.fetchX509SVID({}, api.asWorkload)[Symbol.asyncIterator]();

const noIdentity = { code: Code.PermissionDenied, message: "no identity issued" };
const mine = { selectors: ["x:w"] };
const idsOf = ({ svids }: X509SVIDResponse): readonly string[] => svids.map(({ spiffeId }) => spiffeId);

describe("FetchX509SVID", () => {
  it("sends all of the caller's identities with keys, chains and bundles, and nothing of others", async () => {
    await using api = await start();
    const a = fakeEntry("a", {
      ...mine,
      hint: "internal",
      federatesWith: ["b.example.org", "gone.example.org"],
    });
    const b = fakeEntry("b", { ...mine });
    const others = fakeEntry("c", { selectors: ["x:w", "x:more"], federatesWith: ["c.example.org"] });
    api.setEntries([b, a, others], [ca.bundle, foreign.bundle]);
    const [ofA, ofB] = [await make(a, below), await make(b)];
    api.issue(a, ofA);
    api.issue(b, ofB);
    api.issue(others, await make(others));
    assert.deepEqual(await nextOf(fetchOf(api)), {
      svids: [
        {
          spiffeId: "spiffe://example.org/a",
          x509Svid: Buffer.concat(ofA.chainDer),
          x509SvidKey: ofA.keyPkcs8Der,
          bundle: ca.rootDer,
          hint: "internal",
        },
        {
          spiffeId: "spiffe://example.org/b",
          x509Svid: ofB.chainDer[0],
          x509SvidKey: ofB.keyPkcs8Der,
          bundle: ca.rootDer,
          hint: "",
        },
      ],
      crl: [],
      federatedBundles: { "spiffe://b.example.org": foreign.rootDer },
    });
    assert.equal(ofA.chainDer.length, 2);
  });

  it("ends at once for a caller without an identity", async () => {
    await using api = await start();
    api.setEntries([fakeEntry("a", { selectors: ["x:w", "x:more"] })]);
    await assert.rejects(nextOf(fetchOf(api)), noIdentity);
    assert.equal(api.attestations, 1);
  });

  it("waits for all SVIDs before its first message", async () => {
    await using api = await start();
    const [a, b] = [fakeEntry("a", mine), fakeEntry("b", mine)];
    api.setEntries([a, b]);
    const wanted = Promise.withResolvers<void>();
    api.workloads.onWanted(wanted.resolve);
    const first = nextOf(fetchOf(api));
    await wanted.promise;
    api.issue(a, await make(a));
    api.issue(b, await make(b));
    assert.deepEqual(idsOf(await first), ["spiffe://example.org/a", "spiffe://example.org/b"]);
  });

  it("sends everything again after each change that concerns the caller", async () => {
    await using api = await start();
    const a = fakeEntry("a", { ...mine, federatesWith: ["b.example.org"] });
    api.setEntries([a]);
    api.issue(a, await make(a));
    const stream = fetchOf(api);
    assert.deepEqual((await nextOf(stream)).federatedBundles, {});
    const renewed = await make(a);
    api.issue(a, renewed);
    assert.deepEqual((await nextOf(stream)).svids[0]?.x509Svid, renewed.chainDer[0]);
    api.setEntries([a], [ca.bundle, foreign.bundle]);
    assert.deepEqual((await nextOf(stream)).federatedBundles, { "spiffe://b.example.org": foreign.rootDer });
    const x509Authorities = [...ca.bundle.x509Authorities, ...foreign.bundle.x509Authorities];
    api.setEntries([a], [{ ...ca.bundle, x509Authorities }, foreign.bundle]);
    assert.deepEqual((await nextOf(stream)).svids[0]?.bundle, Buffer.concat([ca.rootDer, foreign.rootDer]));
    const b = fakeEntry("b", mine);
    api.setEntries([a, b], [{ ...ca.bundle, x509Authorities }, foreign.bundle]);
    assert.deepEqual(idsOf(await nextOf(stream)), ["spiffe://example.org/a"], "b has no SVID yet");
    api.issue(b, await make(b));
    assert.deepEqual(idsOf(await nextOf(stream)), ["spiffe://example.org/a", "spiffe://example.org/b"]);
    assert.equal(api.attestations, 1);
  });

  it("ends when the caller's last entry is gone", async () => {
    await using api = await start();
    const [a, b] = [fakeEntry("a", mine), fakeEntry("b", mine)];
    api.setEntries([a, b]);
    api.issue(a, await make(a));
    api.issue(b, await make(b));
    const stream = fetchOf(api);
    await nextOf(stream);
    api.setEntries([b]);
    assert.deepEqual(idsOf(await nextOf(stream)), ["spiffe://example.org/b"]);
    api.setEntries([]);
    await assert.rejects(nextOf(stream), noIdentity);
  });

  it("ends when the caller's entry needs another selector", async () => {
    await using api = await start();
    const a = fakeEntry("a", mine);
    api.setEntries([a]);
    api.issue(a, await make(a));
    const stream = fetchOf(api);
    await nextOf(stream);
    api.setEntries([fakeEntry("a", { selectors: ["x:other"], revisionNumber: 1 })]);
    await assert.rejects(nextOf(stream), noIdentity);
  });

  it("never sends the SVID of an ID that the entry had when it was for others", async () => {
    await using api = await start();
    const admin = fakeEntry("a", { path: "/admin", selectors: ["x:admin"] });
    api.setEntries([admin]);
    api.issue(admin, await make(admin));
    const guest = fakeEntry("a", { path: "/guest", selectors: ["x:w"], revisionNumber: 1 });
    api.setEntries([guest]);
    const wanted = Promise.withResolvers<void>();
    api.workloads.onWanted(wanted.resolve);
    const first = nextOf(fetchOf(api));
    await wanted.promise;
    // One that was under way when the entry changed.
    api.issue(admin, await make(admin));
    const svid = await make(guest);
    api.issue(guest, svid);
    assert.deepEqual((await first).svids, [
      {
        spiffeId: "spiffe://example.org/guest",
        x509Svid: svid.chainDer[0],
        x509SvidKey: svid.keyPkcs8Der,
        bundle: ca.rootDer,
        hint: "",
      },
    ]);
  });

  it("gives a stream whose only entry got another ID the new SVID, and no end between", async () => {
    await using api = await start();
    const before = fakeEntry("a", { path: "/before", ...mine });
    api.setEntries([before]);
    api.issue(before, await make(before));
    const stream = fetchOf(api);
    await nextOf(stream);
    const after = fakeEntry("a", {
      path: "/after",
      ...mine,
      federatesWith: ["b.example.org"],
      revisionNumber: 1,
    });
    api.setEntries([after]);
    const next = nextOf(stream);
    api.issue(after, await make(after));
    assert.deepEqual(idsOf(await next), ["spiffe://example.org/after"]);
  });

  it("sends the oldest of identities with the same hint", async () => {
    await using api = await start();
    const [a, b] = [
      fakeEntry("a", { ...mine, hint: "x", createdAt: new Date(2000) }),
      fakeEntry("b", { ...mine, hint: "x", createdAt: new Date(1000) }),
    ];
    api.setEntries([a, b]);
    api.issue(a, await make(a));
    api.issue(b, await make(b));
    assert.deepEqual(idsOf(await nextOf(fetchOf(api))), ["spiffe://example.org/b"]);
  });

  it("keeps nothing of a caller that has left", async () => {
    await using api = await start();
    const a = fakeEntry("a", mine);
    api.setEntries([a]);
    api.issue(a, await make(a));
    const leave = new AbortController();
    const stream = api.client
      .fetchX509SVID({}, { ...api.asWorkload, signal: leave.signal })
      [Symbol.asyncIterator]();
    await nextOf(stream);
    assert.equal(api.workloads.subscriptionCount, 1);
    leave.abort();
    await assert.rejects(nextOf(stream), { code: Code.Cancelled });
    while (api.workloads.subscriptionCount > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});
