import assert from "node:assert/strict";
import { constants, createHash, verify } from "node:crypto";
import { before, describe, it } from "node:test";
import { StatusError } from "@finial/sdk";
import { HashAlgorithm, type SignDataRequest } from "@finial/sdk/server";
import { keyManagerService } from "./key-manager-service.ts";
import { KeyRing } from "./key-ring.ts";

const keys = new KeyRing();
const service = keyManagerService(() => keys);
before(async () => {
  await Promise.all([
    keys.generate("p256", "ec-p256"),
    keys.generate("p384", "ec-p384"),
    keys.generate("rsa", "rsa-2048"),
  ]);
});

/** Each of SPIRE's, by Node's name. */
const hashes: readonly [HashAlgorithm, string][] = [
  [HashAlgorithm.SHA224, "sha224"],
  [HashAlgorithm.SHA256, "sha256"],
  [HashAlgorithm.SHA384, "sha384"],
  [HashAlgorithm.SHA512, "sha512"],
  [HashAlgorithm.SHA3_224, "sha3-224"],
  [HashAlgorithm.SHA3_256, "sha3-256"],
  [HashAlgorithm.SHA3_384, "sha3-384"],
  [HashAlgorithm.SHA3_512, "sha3-512"],
  [HashAlgorithm.SHA512_224, "sha512-224"],
  [HashAlgorithm.SHA512_256, "sha512-256"],
];
const message = Buffer.from("message");
const digestOf = (hash: string): Buffer => createHash(hash).update(message).digest();
const publicKeyOf = (id: string) => {
  const entry = keys.find(id);
  assert.ok(entry);
  return entry.publicKey.keyObject;
};
const plain = (value: HashAlgorithm): SignDataRequest["signerOpts"] => ({ $case: "hashAlgorithm", value });
const pss = (hashAlgorithm: HashAlgorithm, saltLength: number): SignDataRequest["signerOpts"] => ({
  $case: "pssOptions",
  value: { hashAlgorithm, saltLength },
});

/** The answer's signature, or code and message. */
function outcome(keyId: string, data: Buffer, signerOpts: SignDataRequest["signerOpts"]): Buffer | unknown[] {
  try {
    return service.signData({ keyId, data, signerOpts }).signature;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return [error.code, error.message];
  }
}

describe("signData()", () => {
  it("signs digests of every hash, with every kind of key", () => {
    for (const [algorithm, hash] of hashes)
      for (const id of ["p256", "p384", "rsa"]) {
        const signature = outcome(id, digestOf(hash), plain(algorithm));
        assert.ok(Buffer.isBuffer(signature), `${id} ${hash}: ${signature}`);
        assert.ok(verify(hash, message, publicKeyOf(id), signature), `${id} ${hash}`);
      }
  });

  it("signs with PSS and every hash, the salt as long as asked, as the digest, or as fits", () => {
    for (const [algorithm, hash] of hashes) {
      const digest = digestOf(hash);
      for (const [asked, saltLength] of [
        [20, 20],
        [-1, digest.length],
        [0, 256 - digest.length - 2],
      ] as const) {
        const signature = outcome("rsa", digest, pss(algorithm, asked));
        assert.ok(Buffer.isBuffer(signature), `${hash}: ${signature}`);
        const key = { key: publicKeyOf("rsa"), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
        assert.ok(verify(hash, message, key, signature), `${hash} with ${asked}`);
      }
    }
  });

  it("takes of PSS options for an EC key their hash alone, and of a digest its leftmost bits, as Go does", () => {
    const { SHA256, SHA512 } = HashAlgorithm;
    for (const [data, hash, options] of [
      [digestOf("sha256"), "sha256", pss(SHA256, -7)],
      [digestOf("sha512"), "sha512", plain(SHA256)],
      [digestOf("sha256"), "sha256", plain(SHA512)],
    ] as const) {
      const signature = outcome("p256", data, options);
      assert.ok(Buffer.isBuffer(signature), String(signature));
      assert.ok(verify(hash, message, publicKeyOf("p256"), signature));
    }
    for (const length of [0, 5, 200])
      assert.ok(Buffer.isBuffer(outcome("p384", Buffer.alloc(length, 1), plain(SHA256))));
  });

  it("refuses in the words of SPIRE and Go", () => {
    const { SHA256, SHA512 } = HashAlgorithm;
    const digest = digestOf("sha256");
    const none = HashAlgorithm.UNSPECIFIED_HASH_ALGORITHM;
    const failed = (why: string): unknown[] => [
      13,
      `failed to sign data: keypair "rsa" signing operation failed: crypto/rsa: ${why}`,
    ];
    const cases: readonly [string, Buffer, SignDataRequest["signerOpts"], unknown[]][] = [
      ["", digest, plain(SHA256), [3, "failed to sign data: key id is required"]],
      ["rsa", digest, undefined, [3, "failed to sign data: signer opts is required"]],
      ["rsa", digest, plain(none), [3, "failed to sign data: hash algorithm is required"]],
      ["rsa", digest, pss(none, 0), [3, "failed to sign data: hash algorithm in PSS options is required"]],
      ["rsa", digest, plain(99 as HashAlgorithm), [3, "failed to sign data: unknown hash algorithm 99"]],
      ["other", digest, plain(SHA256), [5, 'failed to sign data: no such key "other"']],
      ["rsa", Buffer.alloc(5), plain(SHA256), failed("input must be hashed message")],
      ["rsa", Buffer.alloc(5), pss(SHA256, 0), failed("input must be hashed with given hash")],
      ["rsa", digest, pss(SHA256, -2), failed("invalid PSS salt length")],
      ["rsa", digest, pss(SHA256, 223), failed("message too long for RSA key size")],
      ["rsa", digest, pss(SHA256, 2 ** 31 - 1), failed("message too long for RSA key size")],
      ["rsa", digestOf("sha512"), pss(SHA512, 191), failed("message too long for RSA key size")],
    ];
    for (const [keyId, data, options, expected] of cases)
      assert.deepEqual(outcome(keyId, data, options), expected);
  });
});
