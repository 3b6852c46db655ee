import { createHash, type KeyObject, sign } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import type { KeyManager, KeyType, ManagedKey } from "../facade/keymanager.ts";

/** Keys in the test's own process: what survives a restart is what a test hands to the next server. */
export class FakeKeyManager implements KeyManager {
  readonly name = "fake";
  /** Whether it refuses to make keys. */
  broken = false;
  readonly #keys = new Map<string, ManagedKey>();

  async generateKey(id: string, type: KeyType): Promise<ManagedKey> {
    if (this.broken) throw new StatusError(Code.Unavailable, "BROKEN", "keymanager(fake): the HSM is away");
    const key = managedKey(id, type, await generatePrivateKey(type));
    this.#keys.set(id, key);
    return key;
  }

  async findKey(id: string): Promise<ManagedKey | undefined> {
    return this.#keys.get(id);
  }

  async getKeys(): Promise<readonly ManagedKey[]> {
    return [...this.#keys.values()];
  }
}

function managedKey(id: string, type: KeyType, privateKey: KeyObject): ManagedKey {
  const publicKey = PublicKey.of(privateKey);
  const fingerprint = createHash("sha256").update(publicKey.pkixDer).digest("hex");
  return { id, type, publicKey, fingerprint, sign: async (message, hash) => sign(hash, message, privateKey) };
}
