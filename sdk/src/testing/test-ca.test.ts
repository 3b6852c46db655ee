import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { Certificate } from "../crypto/certificate.ts";
import { verifyJwtSvid } from "../spiffe/jwt-svid.ts";
import { parseX509Svid, verifyX509Svid } from "../spiffe/x509-svid.ts";
import { FakeClock } from "./fake-clock.ts";
import { testCa } from "./test-ca.ts";

describe("testCa()", () => {
  it("issues X.509-SVIDs that verify against its bundle, below intermediates, too", async () => {
    const clock = new FakeClock();
    const ca = await testCa({ clock });
    const below = await (await ca.intermediate("first")).intermediate("second");
    for (const issuer of [ca, below]) {
      const svid = await issuer.x509Svid("/db");
      const verified = verifyX509Svid({
        chainDer: svid.chainDer,
        anchorsOf: (trustDomain) => (trustDomain.equals(ca.trustDomain) ? [ca.root] : undefined),
        now: clock.now(),
      });
      assert.equal(verified.spiffeId.toString(), "spiffe://example.org/db");
      assert.equal(verified.path.length, issuer === ca ? 2 : 4);
      assert.equal(parseX509Svid(svid.chainDer).chain.length, svid.chainDer.length);
      assert.ok(new X509Certificate(svid.chainPem).checkPrivateKey(svid.privateKey));
    }
  });

  it("issues JWT-SVIDs that verify against its key", async () => {
    const clock = new FakeClock();
    const ca = await testCa({ clock, trustDomain: "other.example.org" });
    const svid = verifyJwtSvid(ca.jwtSvid("/db", { audience: ["web"] }), {
      audience: ["web"],
      keyOf: ({ keyId }) => (keyId === ca.jwtKeyId ? ca.jwtPublicKey : undefined),
      now: clock.now(),
    });
    assert.equal(svid.spiffeId.toString(), "spiffe://other.example.org/db");
    assert.deepEqual(svid.expiresAt, new Date("2026-01-01T01:00:00Z"));
  });

  it("issues with RSA keys, and leaves out what it is told to", async () => {
    const ca = await testCa({ keyType: "rsa-2048" });
    const { chainDer } = await ca.x509Svid("/db", { without: ["2.5.29.15", "2.5.29.14"] });
    const leaf = Certificate.parse(chainDer[0] ?? Buffer.alloc(0));
    assert.deepEqual(
      leaf.extensions.map(({ oid }) => oid),
      ["2.5.29.35", "2.5.29.37", "2.5.29.19", "2.5.29.17"],
    );
    assert.ok(leaf.isSignedBy(ca.root.publicKey));
  });
});
