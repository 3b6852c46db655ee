import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Bundle } from "@finial/sdk/spiffe";
import { testCa } from "@finial/sdk/testing";
import { BundleCache } from "./bundle-cache.ts";

const own = (await testCa()).bundle;
const other = (await testCa()).bundle;
const b = (await testCa({ trustDomain: "b.example.org" })).bundle;
const c = (await testCa({ trustDomain: "c.example.org" })).bundle;

/** Equal, but made anew, as every sync makes them. */
function again(bundle: Bundle): Bundle {
  return {
    ...bundle,
    x509Authorities: bundle.x509Authorities.map(({ certificateDer, tainted }) => ({
      certificateDer: Buffer.from(certificateDer),
      tainted,
    })),
    jwtAuthorities: bundle.jwtAuthorities.map((authority) => ({
      ...authority,
      publicKeyPkixDer: Buffer.from(authority.publicKeyPkixDer),
      expiresAt: authority.expiresAt && new Date(authority.expiresAt),
    })),
  };
}

function open() {
  const cache = new BundleCache(own);
  const told: Bundle[] = [];
  cache.onOwnChange((bundle) => told.push(bundle));
  return { cache, told };
}

describe("BundleCache.update()", () => {
  const [x509] = own.x509Authorities;
  const [jwt] = own.jwtAuthorities;
  assert.ok(x509 && jwt);
  const changes: readonly { readonly title: string; readonly bundle: Bundle }[] = [
    { title: "another X.509 authority", bundle: { ...own, x509Authorities: other.x509Authorities } },
    {
      title: "one more X.509 authority",
      bundle: { ...own, x509Authorities: [x509, ...other.x509Authorities] },
    },
    { title: "no X.509 authority", bundle: { ...own, x509Authorities: [] } },
    { title: "a tainted X.509 authority", bundle: { ...own, x509Authorities: [{ ...x509, tainted: true }] } },
    { title: "another JWT authority", bundle: { ...own, jwtAuthorities: other.jwtAuthorities } },
    { title: "no JWT authority", bundle: { ...own, jwtAuthorities: [] } },
    { title: "a tainted JWT authority", bundle: { ...own, jwtAuthorities: [{ ...jwt, tainted: true }] } },
    { title: "another key id", bundle: { ...own, jwtAuthorities: [{ ...jwt, keyId: "x" }] } },
    { title: "another end", bundle: { ...own, jwtAuthorities: [{ ...jwt, expiresAt: new Date(0) }] } },
    { title: "another refresh hint", bundle: { ...own, refreshHintSeconds: 60 } },
    { title: "another sequence number", bundle: { ...own, sequenceNumber: 2 } },
  ];
  for (const { title, bundle } of changes)
    it(`tells of ${title}`, () => {
      const { cache, told } = open();
      assert.deepEqual(cache.update([bundle]), new Set(["example.org"]));
      assert.equal(cache.own, bundle);
      assert.deepEqual(told, [bundle]);
    });

  it("keeps a bundle's identity, and tells nobody, when nothing has changed", () => {
    const { cache, told } = open();
    cache.update([own, b]);
    assert.deepEqual(cache.update([again(own), again(b)]), new Set());
    assert.deepEqual([cache.own === own, cache.find(b.trustDomain) === b, told], [true, true, []]);
  });

  it("tells of bundles that are new, changed or gone, but tells listeners of the own one alone", () => {
    const { cache, told } = open();
    assert.deepEqual(cache.update([own, b]), new Set(["b.example.org"]));
    const changed = { ...b, sequenceNumber: 9 };
    assert.deepEqual(cache.update([own, changed, c]), new Set(["b.example.org", "c.example.org"]));
    assert.equal(cache.find(b.trustDomain), changed);
    assert.deepEqual(cache.update([own, c]), new Set(["b.example.org"]));
    assert.deepEqual(
      [cache.find(b.trustDomain), [...cache.all.keys()], told],
      [undefined, ["example.org", "c.example.org"], []],
    );
  });

  it("never loses the own bundle, by which the server is known", () => {
    const { cache, told } = open();
    cache.update([own, b]);
    assert.deepEqual(cache.update([]), new Set(["b.example.org"]));
    assert.deepEqual([cache.own === own, cache.find(own.trustDomain) === own, told], [true, true, []]);
  });
});
