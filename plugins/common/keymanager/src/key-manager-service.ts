import { Code, StatusError } from "@finial/sdk";
import type { KeyPairType } from "@finial/sdk/crypto";
import { KeyType, type SignDataRequest, type WirePublicKey } from "@finial/sdk/server";
import { type Digest, findDigest } from "./digest.ts";
import type { KeyEntry } from "./key-entry.ts";
import type { KeyRing } from "./key-ring.ts";
import { signEcdsaDigest, signPkcs1Digest, signPssDigest } from "./sign-digest.ts";

const keyTypes = new Map<KeyType, KeyPairType>([
  [KeyType.EC_P256, "ec-p256"],
  [KeyType.EC_P384, "ec-p384"],
  [KeyType.RSA_2048, "rsa-2048"],
  [KeyType.RSA_4096, "rsa-4096"],
]);
const wireKeyTypes = new Map([...keyTypes].map(([wire, type]) => [type, wire]));

/**
 * The RPCs of SPIRE's KeyManager, which are the same on both sides.
 *
 * @throws {StatusError} InvalidArgument for what is missing or malformed, NotFound `KEY_NOT_FOUND`, Internal when a key cannot
 *   be saved or does not sign.
 */
export function keyManagerService(keys: () => KeyRing) {
  return {
    generateKey: async (request: { readonly keyId: string; readonly keyType: KeyType }) => {
      if (request.keyId === "") throw invalid("failed to generate key: key id is required");
      if (request.keyType === KeyType.UNSPECIFIED_KEY_TYPE)
        throw invalid("failed to generate key: key type is required");
      const type = keyTypes.get(request.keyType);
      if (type === undefined)
        throw invalid(
          `failed to generate key: unable to generate key "${request.keyId}" for unknown key type "${request.keyType}"`,
        );
      try {
        return { publicKey: wirePublicKey(await keys().generate(request.keyId, type)) };
      } catch (error) {
        throw StatusError.from(error).prefixed("failed to generate key: ");
      }
    },
    getPublicKey: ({ keyId }: { readonly keyId: string }) => {
      if (keyId === "") throw invalid("key id is required");
      const entry = keys().find(keyId);
      return { publicKey: entry && wirePublicKey(entry) };
    },
    getPublicKeys: () => ({ publicKeys: keys().all().map(wirePublicKey) }),
    signData: (request: SignDataRequest) => {
      try {
        return signData(keys(), request);
      } catch (error) {
        throw StatusError.from(error).prefixed("failed to sign data: ");
      }
    },
  };
}

function signData(keys: KeyRing, { keyId, data, signerOpts }: SignDataRequest) {
  if (keyId === "") throw invalid("key id is required");
  if (signerOpts === undefined) throw invalid("signer opts is required");
  const pss = signerOpts.$case === "pssOptions" ? signerOpts.value : undefined;
  const algorithm = signerOpts.$case === "pssOptions" ? signerOpts.value.hashAlgorithm : signerOpts.value;
  if (algorithm === 0)
    throw invalid(pss ? "hash algorithm in PSS options is required" : "hash algorithm is required");
  const hash = findDigest(algorithm);
  if (hash === undefined) throw invalid(`unknown hash algorithm ${algorithm}`);
  const entry = keys.find(keyId);
  if (entry === undefined) throw new StatusError(Code.NotFound, "KEY_NOT_FOUND", `no such key "${keyId}"`);
  try {
    return { signature: signDigest(entry, data, hash, pss?.saltLength), keyFingerprint: entry.fingerprint };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(
      Code.Internal,
      "SIGNING_FAILED",
      `keypair "${keyId}" signing operation failed: ${why}`,
      { cause: error },
    );
  }
}

/** EC keys take no PSS options: they are read for their hash, as Go's ECDSA does. */
function signDigest(
  entry: KeyEntry,
  digest: Buffer,
  hash: Digest,
  pssSaltLength: number | undefined,
): Buffer {
  if (entry.type === "ec-p256" || entry.type === "ec-p384") return signEcdsaDigest(entry, digest);
  if (pssSaltLength === undefined) return signPkcs1Digest(entry, digest, hash);
  return signPssDigest(entry, digest, hash, pssSaltLength);
}

function wirePublicKey(entry: KeyEntry): WirePublicKey {
  return {
    id: entry.id,
    type: wireKeyTypes.get(entry.type) ?? KeyType.UNSPECIFIED_KEY_TYPE,
    pkixData: entry.publicKey.pkixDer,
    fingerprint: entry.fingerprint,
  };
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "KEY_REQUEST_INVALID", message);
}
