import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { FakeClock, testCa } from "@finial/sdk/testing";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { BundleCache } from "./bundle-cache.ts";

async function site(clock = new FakeClock()) {
  const ca = await testCa({ clock });
  const store = new FakeDataStore();
  await store.setBundle(ca.bundle);
  const cache = new BundleCache(store, clock);
  const find = async () => (await cache.findAnchors(ca.trustDomain))?.map(({ der }) => der);
  const reads = () => store.calls.filter((call) => call === "findBundle").length;
  return { ca, store, cache, clock, find, reads };
}

describe("BundleCache", () => {
  it("reads a bundle at most once a second, however many ask", async () => {
    const at = await site();
    const all = await Promise.all(Array.from({ length: 10 }, at.find));
    assert.ok(all.every((anchors) => anchors?.[0]?.equals(at.ca.rootDer)));
    await at.clock.advance(999);
    await at.find();
    assert.equal(at.reads(), 1);
    await at.clock.advance(1);
    await at.find();
    assert.equal(at.reads(), 2);
  });

  it("forgets a revoked authority within the second", async () => {
    const at = await site();
    await at.find();
    await at.store.setBundle({ ...at.ca.bundle, x509Authorities: [] });
    await at.clock.advance(1000);
    assert.deepEqual(await at.find(), []);
  });

  it("has none for a trust domain without a bundle, and finds it when it is there", async () => {
    const at = await site();
    at.store.bundles.clear();
    assert.equal(await at.find(), undefined);
    await at.store.setBundle(at.ca.bundle);
    await at.clock.advance(1000);
    assert.deepEqual(await at.find(), [at.ca.rootDer]);
  });

  it("does not remember a failure", async () => {
    const at = await site();
    at.store.away = true;
    await assert.rejects(at.find(), { code: Code.Unavailable });
    at.store.away = false;
    assert.deepEqual(await at.find(), [at.ca.rootDer]);
  });

  it("does not go on with an old bundle because the clock was set back", async () => {
    const at = await site();
    let now = at.clock.now();
    const cache = new BundleCache(at.store, { now: () => now, sleep: async () => undefined });
    await cache.findAnchors(at.ca.trustDomain);
    now = new Date(now.getTime() - 3_600_000);
    await at.store.setBundle({ ...at.ca.bundle, x509Authorities: [] });
    assert.deepEqual(await cache.findAnchors(at.ca.trustDomain), []);
  });
});
