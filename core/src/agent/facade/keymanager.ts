import type { KeyObject } from "node:crypto";
import type { PublicKey } from "@finial/sdk/crypto";

/** A key of the agent's KeyManager. Always EC P-256 for the agent's own SVID. */
export interface AgentKey {
  readonly id: string;
  readonly publicKey: PublicKey;
  readonly fingerprint: string;
  /** Signs `message` (not a digest) with SHA-256; ASN.1 DER. */
  sign(message: Buffer): Promise<Buffer>;
  /** Signs a SHA-256 digest, which TLS makes itself; ASN.1 DER. */
  signDigest(digest: Buffer): Promise<Buffer>;
  /**
   * The private key, which makes connections cheap. Undefined when the plugin does not offer
   * `finial.plugin.agent.keymanager.v1.KeyExport`: then its keys never leave it.
   */
  findPrivateKey(): Promise<KeyObject | undefined>;
}

/** What the agent asks of its KeyManager. */
export interface KeyManager {
  readonly name: string;
  generateKey(id: string): Promise<AgentKey>;
  findKey(id: string): Promise<AgentKey | undefined>;
  getKeys(): Promise<readonly AgentKey[]>;
  /** Has somebody told of the ids of keys that are gone, as one does that keeps them only as long as its process lives. */
  onKeysLost(listener: (ids: ReadonlySet<string>) => void): void;
}
