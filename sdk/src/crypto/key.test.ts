import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ecdsaDerToRaw, ecdsaRawToDer } from "./ecdsa.ts";
import { generatePrivateKey, type KeyPairType, parsePrivateKeyDer, parsePrivateKeyPem } from "./key-pair.ts";
import { PublicKey } from "./public-key.ts";
import { signatureAlgorithmFor } from "./signature-algorithm.ts";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });

describe("PublicKey", () => {
  it("names its type as SPIRE does", () => {
    const curve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).publicKey;
    const rsa = (modulusLength: number) => generateKeyPairSync("rsa", { modulusLength }).publicKey;
    const types = [curve("P-256"), curve("P-384"), curve("P-521"), curve("secp256k1"), rsa(2048), rsa(1024)];
    assert.deepEqual(
      types.map((key) => PublicKey.of(key).type),
      ["ec-p256", "ec-p384", "ec-p521", "other", "rsa-2048", "rsa-other"],
    );
    assert.equal(PublicKey.of(generateKeyPairSync("ed25519").publicKey).type, "other");
  });

  it("is the same from either half and from its DER", () => {
    const key = PublicKey.of(ec.privateKey);
    assert.ok(key.equals(PublicKey.of(ec.publicKey)));
    assert.ok(key.equals(PublicKey.parse(key.pkixDer)));
    assert.ok(!key.equals(PublicKey.of(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)));
  });

  it("hashes its bits to the subject key id", () => {
    const { pkixDer, subjectKeyId } = PublicKey.of(ec.publicKey);
    // The uncompressed point is the last 65 octets.
    assert.deepEqual(subjectKeyId, createHash("sha1").update(pkixDer.subarray(-65)).digest());
  });

  it("refuses what is no key, or more than one", () => {
    const { pkixDer } = PublicKey.of(ec.publicKey);
    const wrongPoint = Buffer.from(pkixDer);
    wrongPoint.writeUInt8(wrongPoint.readUInt8(wrongPoint.length - 1) ^ 1, wrongPoint.length - 1);
    for (const der of [
      Buffer.alloc(0),
      Buffer.from("key"),
      Buffer.concat([pkixDer, Buffer.of(0)]),
      pkixDer.subarray(0, -1),
      wrongPoint,
    ])
      assert.throws(() => PublicKey.parse(der), {
        code: 3,
        reason: "PUBLIC_KEY_MALFORMED",
        message: "malformed public key",
      });
  });
});

describe("signatureAlgorithmFor()", () => {
  it("chooses as Go does, and refuses keys that cannot sign", () => {
    const chosen = (["ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-4096", "rsa-other"] as const).map(
      (type) => {
        const { name, hash } = signatureAlgorithmFor({ type });
        return `${name} ${hash}`;
      },
    );
    assert.deepEqual(chosen, [
      "ecdsa SHA256",
      "ecdsa SHA384",
      "ecdsa SHA512",
      "rsa SHA256",
      "rsa SHA256",
      "rsa SHA256",
    ]);
    assert.throws(() => signatureAlgorithmFor({ type: "other" }), TypeError);
  });
});

describe("ecdsaRawToDer() and ecdsaDerToRaw()", () => {
  it("are each other's inverse", () => {
    fc.assert(
      fc.property(fc.constantFrom(32, 48, 66), fc.infiniteStream(fc.nat(255)), (size, octets) => {
        const raw = Buffer.from([...octets.take(2 * size)]);
        assert.deepEqual(ecdsaDerToRaw(ecdsaRawToDer(raw), size), raw);
      }),
    );
  });

  it("give what OpenSSL verifies", () => {
    const message = Buffer.from("message");
    const der = sign("SHA256", message, ec.privateKey);
    const key = { key: ec.publicKey, dsaEncoding: "ieee-p1363" } as const;
    assert.ok(verify("SHA256", message, key, ecdsaDerToRaw(der, 32)));
    assert.deepEqual(ecdsaRawToDer(ecdsaDerToRaw(der, 32)), der);
  });

  it("refuse numbers that are negative, too large, or followed by more", () => {
    const cases: [string, string][] = [
      ["3006020180020101", "a negative number in an ECDSA signature"],
      ["3007020200010201 01".replace(" ", ""), "an integer that is not the shortest"],
      [
        `3026 0221 01${"00".repeat(32)} 020101`.replaceAll(" ", ""),
        "an ECDSA signature larger than its curve",
      ],
      ["3009020101020101020101", "something follows where nothing may"],
      ["300302010100", "something follows where nothing may"],
    ];
    for (const [hex, message] of cases)
      assert.throws(
        () => ecdsaDerToRaw(Buffer.from(hex, "hex"), 32),
        { reason: "DER_MALFORMED", message },
        hex,
      );
  });
});

describe("generatePrivateKey()", () => {
  it("makes keys of the type asked for", async () => {
    for (const type of ["ec-p256", "ec-p384", "rsa-2048"] satisfies KeyPairType[])
      assert.equal(PublicKey.of(await generatePrivateKey(type)).type, type);
  });
});

describe("parsePrivateKeyPem()", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
  const forms = [
    ec.privateKey.export({ format: "pem", type: "pkcs8" }),
    ec.privateKey.export({ format: "pem", type: "sec1" }),
    rsa.export({ format: "pem", type: "pkcs8" }),
    rsa.export({ format: "pem", type: "pkcs1" }),
  ].map(String);

  it("reads PKCS#8, PKCS#1 and SEC 1, behind other blocks", () => {
    for (const [index, pem] of forms.entries()) {
      const parsed = parsePrivateKeyPem(
        `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${pem}`,
      );
      assert.ok(parsed.equals(index < 2 ? ec.privateKey : rsa));
    }
    const der = ec.privateKey.export({ format: "der", type: "pkcs8" });
    assert.ok(parsePrivateKeyDer(der).equals(ec.privateKey));
  });

  it("refuses what it cannot read, without a word of it", () => {
    const encrypted = ec.privateKey.export({
      format: "pem",
      type: "pkcs8",
      cipher: "aes-256-cbc",
      passphrase: "x",
    });
    const broken = (forms[0] ?? "").replace("\nM", "\nN");
    const cases: [string, string][] = [
      ["", "no private key found"],
      [String(ec.publicKey.export({ format: "pem", type: "spki" })), "no private key found"],
      [String(encrypted), "malformed private key"],
      [broken, "malformed private key"],
    ];
    for (const [text, message] of cases)
      assert.throws(() => parsePrivateKeyPem(text), { code: 3, reason: "PRIVATE_KEY_MALFORMED", message });
    assert.throws(() => parsePrivateKeyDer(Buffer.from("key")), { message: "malformed private key" });
  });
});
