import { createHash } from "node:crypto";
import {
  HashAlgorithm,
  type KeyManagerDefinition,
} from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import type { Client } from "@finial/sdk/internal";
import type { SignatureHash } from "./keymanager.ts";
import type { KeySigner } from "./keymanager-v1.ts";

const wireHashes: Readonly<Record<SignatureHash, HashAlgorithm>> = {
  SHA256: HashAlgorithm.SHA256,
  SHA384: HashAlgorithm.SHA384,
  SHA512: HashAlgorithm.SHA512,
};

/** Signs by SignData, a call a signature: what every SPIRE key manager offers. */
export class DigestSigner implements KeySigner {
  readonly #client: Client<typeof KeyManagerDefinition>;
  readonly #limitMs: number;

  constructor(client: Client<typeof KeyManagerDefinition>, limitMs: number) {
    this.#client = client;
    this.#limitMs = limitMs;
  }

  async sign(keyId: string, message: Buffer, hash: SignatureHash) {
    const data = createHash(hash).update(message).digest();
    const { signature, keyFingerprint } = await this.#client.signData(
      { keyId, data, signerOpts: { $case: "hashAlgorithm", value: wireHashes[hash] } },
      { deadlineMs: this.#limitMs },
    );
    return { signature, fingerprint: keyFingerprint };
  }
}
