import { constants, createHash, privateEncrypt, randomBytes } from "node:crypto";
import { ecdsaRawToDer } from "@finial/sdk/crypto";
import { p256, p384 } from "@noble/curves/nist.js";
import type { Digest } from "./digest.ts";
import type { KeyEntry } from "./key-entry.ts";

/**
 * Signs a ready digest of any length with ECDSA; as in Go, its leftmost bits count. Node's own `sign` would hash it again.
 *
 * @returns ASN.1 DER (r, s)
 */
export function signEcdsaDigest(entry: KeyEntry, digest: Buffer): Buffer {
  const scalar = entry.privateKey.export({ format: "jwk" }).d;
  if (scalar === undefined) throw new TypeError("an EC private key has a scalar");
  const curve = entry.type === "ec-p256" ? p256 : p384;
  const raw = curve.sign(digest, Buffer.from(scalar, "base64url"), { prehash: false, lowS: false });
  return ecdsaRawToDer(Buffer.from(raw));
}

/**
 * @throws {RangeError} with Go's sentence for a digest that is none of this hash.
 * @see RFC 8017, section 8.2.1, from step 2 of EMSA-PKCS1-v1_5 on
 */
export function signPkcs1Digest(entry: KeyEntry, digest: Buffer, hash: Digest): Buffer {
  if (digest.length !== hash.size) throw new RangeError("crypto/rsa: input must be hashed message");
  const key = { key: entry.privateKey, padding: constants.RSA_PKCS1_PADDING };
  return privateEncrypt(key, Buffer.concat([hash.digestInfoPrefix, digest]));
}

/**
 * @param saltLength octets; Go's 0 is as long as fits, and -1 as long as the digest.
 * @throws {RangeError} with Go's sentence for what does not fit the hash or the key.
 * @see RFC 8017, sections 8.1.1 and 9.1.1
 */
export function signPssDigest(entry: KeyEntry, digest: Buffer, hash: Digest, saltLength: number): Buffer {
  const bits = entry.type === "rsa-2048" ? 2048 : 4096;
  const size = bits / 8;
  const room = size - hash.size - 2;
  const saltSize = saltLength === 0 ? room : saltLength === -1 ? hash.size : saltLength;
  if (saltSize < 0) throw new RangeError("crypto/rsa: invalid PSS salt length");
  if (digest.length !== hash.size) throw new RangeError("crypto/rsa: input must be hashed with given hash");
  if (saltSize > room) throw new RangeError("crypto/rsa: message too long for RSA key size");
  const salt = randomBytes(saltSize);
  const h = createHash(hash.name).update(Buffer.alloc(8)).update(digest).update(salt).digest();
  const block = Buffer.concat([Buffer.alloc(room - salt.length), Buffer.of(1), salt]);
  const mask = mgf1(h, block.length, hash);
  for (const [index, octet] of mask.entries()) block[index] = (block[index] ?? 0) ^ octet;
  // The encoded message has one bit less than the modulus.
  block[0] = (block[0] ?? 0) & 0x7f;
  const key = { key: entry.privateKey, padding: constants.RSA_NO_PADDING };
  return privateEncrypt(key, Buffer.concat([block, h, Buffer.of(0xbc)]));
}

/** @see RFC 8017, appendix B.2.1 */
function mgf1(seed: Buffer, length: number, hash: Digest): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / hash.size) }, (_, index) => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(index);
    return createHash(hash.name).update(seed).update(counter).digest();
  });
  return Buffer.concat(blocks).subarray(0, length);
}
