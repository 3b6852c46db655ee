import assert from "node:assert/strict";
import { createHash, createPrivateKey, verify, X509Certificate } from "node:crypto";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { FakeClock, testCa } from "@finial/sdk/testing";
import { agentIdentity } from "./agent-identity.ts";
import { FakeKeyManager } from "./fake-key-manager.ts";

const ca = await testCa({ clock: new FakeClock() });
const below = await ca.intermediate("below");
const svid = await below.x509Svid("/spire/agent/a");
const other = await ca.x509Svid("/spire/agent/a");
const keys = new FakeKeyManager();
const key = keys.put("agent-svid-A", svid.privateKey);

describe("agentIdentity()", () => {
  it("has what TLS needs: the key, and the whole chain", async () => {
    const identity = await agentIdentity({ chainDer: svid.chainDer, key, reattestable: true });
    assert.equal(identity.spiffeId.toString(), "spiffe://example.org/spire/agent/a");
    assert.deepEqual([identity.reattestable, identity.key, identity.leaf.der], [true, key, svid.chainDer[0]]);
    assert.equal(identity.tls.chainPem, svid.chainPem);
    assert.ok("keyPem" in identity.tls);
    assert.ok(
      new X509Certificate(identity.tls.chainPem).checkPrivateKey(createPrivateKey(identity.tls.keyPem)),
    );
  });

  it("has the signer in place of a key that its key manager keeps to itself", async () => {
    const kept = { ...key, findPrivateKey: async () => undefined };
    const { tls } = await agentIdentity({ chainDer: svid.chainDer, key: kept, reattestable: true });
    assert.ok("signDigest" in tls);
    assert.equal(tls.chainPem, svid.chainPem);
    assert.ok(tls.publicKeyDer.equals(key.publicKey.pkixDer));
    const message = Buffer.from("a handshake");
    const signature = await tls.signDigest(createHash("sha256").update(message).digest());
    assert.ok(verify("sha256", message, key.publicKey.keyObject, signature));
  });

  const refused = [
    {
      title: "no certificate",
      chainDer: [],
      reason: "AGENT_SVID",
      message: "the agent's SVID has no certificate",
    },
    {
      title: "a chain for another key",
      chainDer: other.chainDer,
      reason: "AGENT_SVID",
      message: "the agent's SVID is for another key",
    },
    {
      title: "what is no certificate",
      chainDer: [Buffer.from("x")],
      reason: "CERTIFICATE_MALFORMED",
      message: /./,
    },
  ];
  for (const { title, chainDer, ...expected } of refused)
    it(`refuses ${title}`, async () => {
      await assert.rejects(agentIdentity({ chainDer, key, reattestable: true }), expected);
    });

  it("fails when the key cannot be had", async () => {
    const failure = new StatusError(Code.FailedPrecondition, "KEY_LOCKED", "the key is locked");
    const closed = { ...key, findPrivateKey: () => Promise.reject(failure) };
    await assert.rejects(
      agentIdentity({ chainDer: svid.chainDer, key: closed, reattestable: true }),
      failure,
    );
  });
});
