import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { BundleMask, Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { Bundle as PluginBundle } from "@finial/proto/plugin/types/bundle";
import { type Bundle, parseTrustDomain } from "@finial/sdk/spiffe";
import { fromWireBundle, toWireBundle } from "./bundle.ts";

const bundle: Bundle = {
  trustDomain: parseTrustDomain("example.org"),
  x509Authorities: [
    { certificateDer: Buffer.from([1]), tainted: false },
    { certificateDer: Buffer.from([2]), tainted: true },
  ],
  jwtAuthorities: [
    {
      keyId: "a",
      publicKeyPkixDer: Buffer.from([3]),
      expiresAt: new Date(1_700_000_000_000),
      tainted: false,
    },
    { keyId: "b", publicKeyPkixDer: Buffer.from([4]), expiresAt: undefined, tainted: true },
  ],
  refreshHintSeconds: 5,
  sequenceNumber: 6,
};

const wire: WireBundle = {
  trustDomain: "example.org",
  x509Authorities: [
    { asn1: Buffer.from([1]), tainted: false },
    { asn1: Buffer.from([2]), tainted: true },
  ],
  jwtAuthorities: [
    { keyId: "a", publicKey: Buffer.from([3]), expiresAt: 1_700_000_000, tainted: false },
    { keyId: "b", publicKey: Buffer.from([4]), expiresAt: 0, tainted: true },
  ],
  refreshHint: 5,
  sequenceNumber: 6,
  witAuthorities: [],
};

describe("toWireBundle()", () => {
  it("carries every field", () => assert.deepEqual(toWireBundle(bundle), wire));

  it("is what plugins take, too", () => {
    const bytes = PluginBundle.encode(toWireBundle(bundle)).finish();
    assert.deepEqual(fromWireBundle(PluginBundle.decode(bytes)), bundle);
    assert.deepEqual(bytes, WireBundle.encode(wire).finish());
  });

  for (const field of Object.keys(BundleMask.create()) as (keyof BundleMask)[]) {
    it(`sends only ${field} and the trust domain when only that is wanted`, () => {
      const masked = toWireBundle(bundle, BundleMask.fromPartial({ [field]: true }));
      assert.deepEqual(masked, {
        ...WireBundle.create({ trustDomain: "example.org" }),
        [field]: wire[field],
      });
    });
  }
});

describe("fromWireBundle()", () => {
  it("carries every field", () => assert.deepEqual(fromWireBundle(wire), bundle));

  it("rejects a malformed trust domain", () => {
    assert.throws(() => fromWireBundle({ ...wire, trustDomain: "" }), { message: "trust domain is missing" });
  });
});
