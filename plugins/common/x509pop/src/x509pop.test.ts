import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { Certificate, keyUsageExtension, PublicKey } from "@finial/sdk/crypto";
import { testCa } from "@finial/sdk/testing";
import fc from "fast-check";
import {
  answerChallenge,
  encodeAttestationData,
  encodeChallenge,
  fingerprintOf,
  makeChallenge,
  parseAttestationData,
  serialNumberHex,
  verifyResponse,
} from "./index.ts";

const ec = (namedCurve: string): KeyObject => generateKeyPairSync("ec", { namedCurve }).privateKey;
const rsa = (modulusLength: number): KeyObject => generateKeyPairSync("rsa", { modulusLength }).privateKey;

async function certificateOf(key: KeyObject, usage = keyUsageExtension(["digitalSignature"])) {
  const ca = await testCa();
  return Certificate.parse(await ca.certify(PublicKey.of(key), { extensions: [usage] }));
}

describe("makeChallenge(), answerChallenge() and verifyResponse()", () => {
  it("agree, for each kind of key, many times", async () => {
    for (const key of [ec("P-224"), ec("P-256"), ec("P-384"), ec("P-521"), rsa(2048), rsa(1025)])
      for (let round = 0; round < 20; round++) {
        const certificate = await certificateOf(key);
        const challenge = makeChallenge(certificate, randomBytes);
        const response = await answerChallenge(key, encodeChallenge(challenge), randomBytes);
        await verifyResponse(certificate.publicKey.keyObject, challenge, response);
      }
  });

  it("say the wire that SPIRE says", async () => {
    const nonce = Buffer.alloc(32, 1);
    assert.equal(
      encodeChallenge({ kind: "ecdsa", nonce }).toString(),
      `{"rsa_signature":null,"ecdsa_signature":{"nonce":"${nonce.toString("base64")}"}}`,
    );
    const challenge = encodeChallenge({ kind: "rsa", nonce });
    const answer = JSON.parse((await answerChallenge(rsa(1024), challenge, randomBytes)).toString());
    assert.deepEqual(Object.keys(answer), ["rsa_signature", "ecdsa_signature"]);
    assert.deepEqual(Object.keys(answer.rsa_signature), ["nonce", "signature"]);
    assert.equal(answer.ecdsa_signature, null);
    // A number that begins with zeros is written without them.
    const small = { kind: "ecdsa", nonce } as const;
    const { encodeResponse } = await import("./response.ts");
    const encoded = encodeResponse({ ...small, r: Buffer.of(0, 0, 1), s: Buffer.of(0) }).toString();
    assert.match(encoded, /"r":"AQ==","s":""/);
  });

  it("refuse a certificate or a key that is not for signatures", async () => {
    const wrongUsage = await certificateOf(ec("P-256"), keyUsageExtension(["keyAgreement"]));
    assert.throws(() => makeChallenge(wrongUsage, randomBytes), {
      code: Code.Internal,
      message: "unable to generate challenge: certificate not intended for digital signature use",
    });
    for (const key of [ec("secp256k1"), generateKeyPairSync("ed25519").privateKey]) {
      const certificate = await certificateOf(key);
      assert.throws(() => makeChallenge(certificate, randomBytes), {
        message: "unable to generate challenge: unsupported public key type",
      });
      await assert.rejects(answerChallenge(key, Buffer.from("{}"), randomBytes), {
        message: "failed to calculate challenge response: unsupported private key type",
      });
    }
  });

  it("refuse a challenge of another kind, or of another length", async () => {
    const nonce = randomBytes(32);
    for (const [key, challenge, message] of [
      [ec("P-256"), encodeChallenge({ kind: "rsa", nonce }), "expecting ECDSA challenge"],
      [rsa(1024), encodeChallenge({ kind: "ecdsa", nonce }), "expecting RSA challenge"],
      [ec("P-256"), encodeChallenge({ kind: "ecdsa", nonce: randomBytes(31) }), "invalid challenge nonce"],
    ] as const)
      await assert.rejects(answerChallenge(key, challenge, randomBytes), {
        code: Code.Internal,
        message: `failed to calculate challenge response: ${message}`,
      });
    for (const [challenge, message] of [
      ["", "it is not JSON"],
      ["[]", "it is not a JSON object"],
      ['{"ecdsa_signature":1}', "the challenge is not a JSON object"],
      ['{"ecdsa_signature":{"nonce":"*"}}', "the nonce is not base64"],
    ] as const)
      await assert.rejects(answerChallenge(ec("P-256"), Buffer.from(challenge), randomBytes), {
        code: Code.Internal,
        message: `unable to unmarshal challenge: ${message}`,
      });
  });

  it("refuse the answer of another key, to another challenge, or of other numbers", async () => {
    for (const [key, other] of [
      [ec("P-256"), ec("P-256")],
      [rsa(1024), rsa(1024)],
    ] as const) {
      const certificate = await certificateOf(key);
      const publicKey = certificate.publicKey.keyObject;
      const challenge = makeChallenge(certificate, randomBytes);
      const kind = challenge.kind.toUpperCase();
      const wrong = {
        code: Code.PermissionDenied,
        message: `challenge response verification failed: ${kind} signature verify failed`,
      };
      const encoded = encodeChallenge(challenge);
      const verified = (response: Buffer) => verifyResponse(publicKey, challenge, response);
      await assert.rejects(verified(await answerChallenge(other, encoded, randomBytes)), wrong);
      const elsewhere = encodeChallenge({ ...challenge, nonce: randomBytes(32) });
      await assert.rejects(verified(await answerChallenge(key, elsewhere, randomBytes)), wrong);
      const good = await answerChallenge(key, encoded, randomBytes);
      const huge = Buffer.alloc(100_000, 1).toString("base64");
      for (const field of ["r", "s", "signature"]) {
        const changed = JSON.parse(good.toString());
        const { rsa_signature: rsaPart, ecdsa_signature: ecPart } = changed;
        if ((rsaPart ?? ecPart)[field] === undefined) continue;
        for (const value of ["", "AA==", huge]) {
          (rsaPart ?? ecPart)[field] = value;
          await assert.rejects(verified(Buffer.from(JSON.stringify(changed))), wrong);
        }
      }
      await assert.rejects(verified(Buffer.from("{}")), {
        code: Code.PermissionDenied,
        message: `challenge response verification failed: expecting ${kind} response`,
      });
      const short = good.toString().replace(/"nonce":"[^"]*"/, '"nonce":"AA=="');
      await assert.rejects(verified(Buffer.from(short)), {
        code: Code.PermissionDenied,
        message: "challenge response verification failed: invalid response nonce",
      });
    }
  });
});

describe("parseAttestationData()", () => {
  it("gives back what was encoded", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { minLength: 1, maxLength: 5 }), (chain) => {
        const chainDer = chain.map((der) => Buffer.from(der));
        const payload = encodeAttestationData(chainDer);
        assert.deepEqual(parseAttestationData(payload, { maxIntermediates: 4 }), chainDer);
      }),
    );
  });

  it("refuses anything else in words of its own", () => {
    const two = encodeAttestationData([Buffer.of(1), Buffer.of(2)]).toString();
    for (const [payload, message] of [
      ["secret", "failed to unmarshal data: it is not JSON"],
      ["null", "failed to unmarshal data: it is not a JSON object"],
      ["{}", "no certificate to attest"],
      ['{"certificates":null}', "no certificate to attest"],
      ['{"certificates":[]}', "no certificate to attest"],
      ['{"certificates":{}}', "failed to unmarshal data: certificates is not a list"],
      ['{"certificates":["?"]}', "failed to unmarshal data: a certificate is not base64"],
      ['{"certificates":[1]}', "failed to unmarshal data: a certificate is not base64"],
      [two, "too many intermediate certificates"],
      [" ".repeat(1024 * 1024 + 1), "attestation data is larger than 1048576 bytes"],
    ] as const)
      assert.throws(() => parseAttestationData(Buffer.from(payload), { maxIntermediates: 0 }), {
        code: Code.InvalidArgument,
        message,
      });
  });
});

describe("fingerprintOf() and serialNumberHex()", () => {
  it("speak hex of whole octets", async () => {
    const certificate = await certificateOf(ec("P-256"));
    assert.match(fingerprintOf(certificate), /^[0-9a-f]{40}$/);
    for (const [serialNumber, hex] of [
      [0n, "00"],
      [1n, "01"],
      [0xabcn, "0abc"],
      [0x1234n, "1234"],
    ] as const)
      assert.equal(serialNumberHex({ serialNumber } as Certificate), hex);
  });
});
