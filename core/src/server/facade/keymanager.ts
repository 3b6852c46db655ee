import type { PublicKey } from "@finial/sdk/crypto";

/** Key types a server key can have, by SPIRE's configuration names. */
export type KeyType = "ec-p256" | "ec-p384" | "rsa-2048" | "rsa-4096";

/** Hash of a signature; the message itself travels, the key manager hashes. */
export type SignatureHash = "SHA256" | "SHA384" | "SHA512";

/** A key held by the KeyManager plugin. The private half never leaves that process. */
export interface ManagedKey {
  readonly id: string;
  readonly type: KeyType;
  readonly publicKey: PublicKey;
  /** Opaque; changes whenever the key does. */
  readonly fingerprint: string;
  /**
   * Signs `message` (not a digest).
   *
   * @returns ECDSA signatures as ASN.1 DER (r, s), RSA as PKCS#1 v1.5.
   * @throws {StatusError} NotFound, Unavailable, or Internal when the key behind the id has changed.
   */
  sign(message: Buffer, hash: SignatureHash, options?: { readonly signal?: AbortSignal }): Promise<Buffer>;
}

/** What the server asks of its KeyManager. */
export interface KeyManager {
  readonly name: string;
  /** Makes (or replaces) the key with this id. A failure leaves an old key usable. */
  generateKey(id: string, type: KeyType): Promise<ManagedKey>;
  findKey(id: string): Promise<ManagedKey | undefined>;
  getKeys(): Promise<readonly ManagedKey[]>;
  /** Has somebody told of the ids of keys that are gone, as one does that keeps them only as long as its process lives. */
  onKeysLost(listener: (ids: ReadonlySet<string>) => void): void;
}
