import { createHash, type KeyObject, sign } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import type { KeyManager, KeyType, ManagedKey } from "./keymanager.ts";

/** A key manager in this process, for tests: its keys are real, and go when they are replaced. */
export class FakeKeyManager implements KeyManager {
  readonly name = "fake";
  readonly keys = new Map<string, KeyObject>();
  /** What has been signed with, by key ID, in order. */
  readonly signed: string[] = [];
  /** Thrown by every call, if set. */
  failure: StatusError | undefined;
  #onKeysLost: (ids: ReadonlySet<string>) => void = () => {};

  async generateKey(id: string, type: KeyType): Promise<ManagedKey> {
    this.#check();
    const privateKey = await generatePrivateKey(type);
    this.keys.set(id, privateKey);
    return this.#managed(id, privateKey);
  }

  async findKey(id: string): Promise<ManagedKey | undefined> {
    this.#check();
    const privateKey = this.keys.get(id);
    return privateKey && this.#managed(id, privateKey);
  }

  async getKeys(): Promise<readonly ManagedKey[]> {
    this.#check();
    return [...this.keys].map(([id, privateKey]) => this.#managed(id, privateKey));
  }

  onKeysLost(listener: (ids: ReadonlySet<string>) => void): void {
    this.#onKeysLost = listener;
  }

  /** As happens to one that keeps its keys only as long as its process lives. */
  loseKeys(): void {
    const ids = new Set(this.keys.keys());
    this.keys.clear();
    this.#onKeysLost(ids);
  }

  #managed(id: string, privateKey: KeyObject): ManagedKey {
    return managedKey(id, privateKey, () => {
      this.#check();
      if (this.keys.get(id) !== privateKey)
        throw new StatusError(
          Code.Internal,
          "KEY_CHANGED",
          `keymanager(fake): the key behind "${id}" has changed`,
        );
      this.signed.push(id);
    });
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

/** A private key as a key manager's. @param onSign told before each signature; it may throw. */
export function managedKey(id: string, privateKey: KeyObject, onSign: () => void = () => {}): ManagedKey {
  const publicKey = PublicKey.of(privateKey);
  return {
    id,
    type: publicKey.type as KeyType,
    publicKey,
    fingerprint: createHash("sha256").update(publicKey.pkixDer).digest("hex"),
    sign: async (message, hash) => {
      onSign();
      return sign(hash, message, privateKey);
    },
  };
}
