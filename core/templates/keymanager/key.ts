import { constants, createHash, type KeyObject, privateEncrypt } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { ecdsaRawToDer, generatePrivateKey, type KeyPairType, PublicKey } from "@finial/sdk/crypto";
import { HashAlgorithm } from "@finial/sdk/server";
import { p256, p384 } from "@noble/curves/nist.js";

export interface Key {
  readonly type: KeyPairType;
  readonly privateKey: KeyObject;
  readonly publicKey: PublicKey;
  /** SHA-256 of the public key in hex: by it the host tells that a key was replaced. */
  readonly fingerprint: string;
}

/** Digest sizes in bytes, and what stands before a digest that RSA signs (RFC 8017, section 9.2). */
const hashes: ReadonlyMap<HashAlgorithm, { readonly size: number; readonly prefix: Buffer }> = new Map([
  [HashAlgorithm.SHA256, { size: 32, prefix: Buffer.from("3031300d060960864801650304020105000420", "hex") }],
  [HashAlgorithm.SHA384, { size: 48, prefix: Buffer.from("3041300d060960864801650304020205000430", "hex") }],
  [HashAlgorithm.SHA512, { size: 64, prefix: Buffer.from("3051300d060960864801650304020305000440", "hex") }],
]);

export async function makeKey(type: KeyPairType): Promise<Key> {
  const privateKey = await generatePrivateKey(type);
  const publicKey = PublicKey.of(privateKey);
  const fingerprint = createHash("sha256").update(publicKey.pkixDer).digest("hex");
  return { type, privateKey, publicKey, fingerprint };
}

/**
 * Signs a ready digest: hashing it again would give a signature of something else.
 *
 * @returns ASN.1 DER for EC keys, PKCS #1 v1.5 for RSA keys.
 * @throws {StatusError} InvalidArgument for a digest that is none of this hash.
 */
export function signDigest({ type, privateKey }: Key, digest: Buffer, algorithm: HashAlgorithm): Buffer {
  const hash = hashes.get(algorithm);
  if (hash === undefined) throw invalid("hash algorithm is required");
  if (digest.length !== hash.size) throw invalid(`data must be a digest of ${hash.size} bytes`);
  if (type === "rsa-2048" || type === "rsa-4096") {
    const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
    return privateEncrypt(key, Buffer.concat([hash.prefix, digest]));
  }
  const scalar = Buffer.from(privateKey.export({ format: "jwk" }).d ?? "", "base64url");
  const curve = type === "ec-p256" ? p256 : p384;
  return ecdsaRawToDer(Buffer.from(curve.sign(digest, scalar, { prehash: false, lowS: false })));
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "KEY_REQUEST", message);
}
