import { createHash, type KeyObject, sign } from "node:crypto";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import type { AgentKey, KeyManager } from "../facade/keymanager.ts";
import { signDigest } from "../tls/fake-digest-signer.ts";

/** A key manager that keeps its keys here. For tests. */
export class FakeKeyManager implements KeyManager {
  readonly name: string;
  readonly keys = new Map<string, AgentKey>();
  /** Called before each answer. */
  before: () => void = () => {};
  #onKeysLost: (ids: ReadonlySet<string>) => void = () => {};

  constructor(name = "fake") {
    this.name = name;
  }

  /** Makes the key what is given, as if it had been there before. */
  put(id: string, privateKey: KeyObject): AgentKey {
    const publicKey = PublicKey.of(privateKey);
    const key: AgentKey = {
      id,
      publicKey,
      fingerprint: createHash("sha256").update(publicKey.pkixDer).digest("hex"),
      sign: async (message) => sign("sha256", message, privateKey),
      signDigest: async (digest) => signDigest(digest, privateKey),
      findPrivateKey: async () => privateKey,
    };
    this.keys.set(id, key);
    return key;
  }

  async generateKey(id: string): Promise<AgentKey> {
    this.before();
    return this.put(id, await generatePrivateKey("ec-p256"));
  }

  async findKey(id: string): Promise<AgentKey | undefined> {
    this.before();
    return this.keys.get(id);
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

  async getKeys(): Promise<readonly AgentKey[]> {
    this.before();
    return [...this.keys.values()];
  }
}
