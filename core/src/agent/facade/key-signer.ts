import { createHash } from "node:crypto";
import { HashAlgorithm, KeyManagerDefinition } from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
import { Hash, SignerDefinition, type SignResponse } from "@finial/proto/plugin/agent/keymanager/v1/signer";
import { Code, StatusError } from "@finial/sdk";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";

/** A signature, and which key made it. */
export interface KeySignature {
  /** ASN.1 DER. */
  readonly signature: Buffer;
  readonly keyFingerprint: string;
}

/** Signs a message, by its SHA-256, with the key of this id, whatever key that now is: the fingerprint says which it was. */
export type SignMessage = (keyId: string, message: Buffer) => Promise<KeySignature>;

/** Signs what SHA-256 has made of a message, by SPIRE's SignData. */
export function makeSignDigest({ client }: BoundPlugin, deadlineMs: number): SignMessage {
  const keyManager = client(KeyManagerDefinition);
  return async (keyId, data) => {
    const signerOpts = { $case: "hashAlgorithm", value: HashAlgorithm.SHA256 } as const;
    return await keyManager.signData({ keyId, data, signerOpts }, { deadlineMs });
  };
}

/** By our Signer where the plugin offers it, which lets it sign natively; else by SPIRE's SignData. */
export function makeSignMessage(plugin: BoundPlugin, deadlineMs: number): SignMessage {
  const { services, client } = plugin;
  if (!services.has(SignerDefinition.fullName)) {
    const signDigest = makeSignDigest(plugin, deadlineMs);
    return async (keyId, message) => await signDigest(keyId, createHash("sha256").update(message).digest());
  }
  const signer = client(SignerDefinition);
  return async (keyId, message) => {
    // An agent signs a few times a day: a stream a signature will do.
    const stream = signer.sign({ deadlineMs });
    void stream.send({ id: 1, keyId, hash: Hash.HASH_SHA256, messages: [message] });
    for await (const response of stream) {
      stream.end();
      return signatureOf(response);
    }
    throw new StatusError(Code.Unavailable, "STREAM_ENDED", "the plugin closed its Signer stream");
  };
}

function signatureOf({ signatures, keyFingerprint, error }: SignResponse) {
  if (error !== undefined) {
    const code = Object.values(Code).find((known) => known === error.code && known !== Code.Ok);
    throw new StatusError(code ?? Code.Unknown, "SIGNING_FAILED", error.message);
  }
  const [signature = Buffer.alloc(0)] = signatures;
  return { signature, keyFingerprint };
}
