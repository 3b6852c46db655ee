import {
  KeyManagerDefinition,
  KeyType as WireKeyType,
  type PublicKey as WirePublicKey,
} from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { SignerDefinition } from "@finial/proto/plugin/server/keymanager/v1/signer";
import { Code, StatusError } from "@finial/sdk";
import { PublicKey } from "@finial/sdk/crypto";
import type { Client } from "@finial/sdk/internal";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { KnownKeys } from "../../kernel/catalog/known-keys.ts";
import { requireResponse } from "../../kernel/catalog/plugin-errors.ts";
import { DigestSigner } from "./digest-signer.ts";
import type { KeyManager, KeyType, ManagedKey, SignatureHash } from "./keymanager.ts";
import { StreamSigner } from "./stream-signer.ts";

/** SPIRE gives a key manager this long for any answer. */
const callLimitMs = 30_000;

const wireTypes: Readonly<Record<KeyType, WireKeyType>> = {
  "ec-p256": WireKeyType.EC_P256,
  "ec-p384": WireKeyType.EC_P384,
  "rsa-2048": WireKeyType.RSA_2048,
  "rsa-4096": WireKeyType.RSA_4096,
};

/** Signs a message with the key of this id, whatever key that now is: `fingerprint` says which it was. */
export interface KeySigner {
  sign(
    keyId: string,
    message: Buffer,
    hash: SignatureHash,
  ): Promise<{ readonly signature: Buffer; readonly fingerprint: string }>;
}

/** The KeyManager port over `spire.plugin.server.keymanager.v1`, and over our Signer stream where the plugin offers it. */
export function bindKeyManagerV1(plugin: BoundPlugin): KeyManager & Disposable {
  const client = plugin.client(KeyManagerDefinition);
  const stream = plugin.services.has(SignerDefinition.fullName)
    ? new StreamSigner(plugin.client(SignerDefinition), callLimitMs)
    : undefined;
  const signer: KeySigner = stream ?? new DigestSigner(client, callLimitMs);
  const keyManager = new KeyManagerV1(plugin.name, client, signer, () => stream?.[Symbol.dispose]());
  plugin.returns?.examine(async (fresh) => {
    const { publicKeys } = await fresh(KeyManagerDefinition).getPublicKeys({}, { deadlineMs: callLimitMs });
    keyManager.examine(publicKeys, plugin.returns?.ephemeral ?? false);
  });
  return keyManager;
}

class KeyManagerV1 implements KeyManager, Disposable {
  readonly name: string;
  readonly #client: Client<typeof KeyManagerDefinition>;
  readonly #signer: KeySigner;
  readonly #close: () => void;
  readonly #known = new KnownKeys();
  #onKeysLost: (ids: ReadonlySet<string>) => void = () => {};

  constructor(
    name: string,
    client: Client<typeof KeyManagerDefinition>,
    signer: KeySigner,
    close: () => void,
  ) {
    this.name = name;
    this.#client = client;
    this.#signer = signer;
    this.#close = close;
  }

  async generateKey(id: string, type: KeyType): Promise<ManagedKey> {
    return await this.#prefixed(async () => {
      const request = { keyId: id, keyType: wireTypes[type] };
      this.#known.forget(id);
      const { publicKey } = await this.#client.generateKey(request, { deadlineMs: callLimitMs });
      return this.#key(id, publicKey);
    });
  }

  async findKey(id: string): Promise<ManagedKey | undefined> {
    return await this.#prefixed(async () => {
      const { publicKey } = await this.#client
        .getPublicKey({ keyId: id }, { deadlineMs: callLimitMs })
        .catch(orNoKey);
      return publicKey && this.#key(id, publicKey);
    });
  }

  async getKeys(): Promise<readonly ManagedKey[]> {
    return await this.#prefixed(async () => {
      const { publicKeys } = await this.#client.getPublicKeys({}, { deadlineMs: callLimitMs });
      return publicKeys.map((key) => this.#key(key.id, key));
    });
  }

  onKeysLost(listener: (ids: ReadonlySet<string>) => void): void {
    this.#onKeysLost = listener;
  }

  /** Of a process that takes the place of another. @throws {StatusError} FailedPrecondition `PLUGIN_REFUSED`. */
  examine(there: readonly WirePublicKey[], mayBeGone: boolean): void {
    const lost = this.#known.examine(there, { mayBeGone });
    if (lost.size > 0) this.#onKeysLost(lost);
  }

  #key(id: string, wire: WirePublicKey | undefined): ManagedKey {
    const key = requireResponse(wire, `plugin response empty for key "${id}"`);
    if (key.id !== id) throw distrusted(`plugin response has unexpected key id "${key.id}" for key "${id}"`);
    if (key.pkixData.length === 0)
      throw distrusted(`plugin response missing public key PKIX data for key "${id}"`);
    const publicKey = parsePublicKey(id, key.pkixData);
    const type = publicKey.type;
    if (type !== "ec-p256" && type !== "ec-p384" && type !== "rsa-2048" && type !== "rsa-4096")
      throw distrusted(`plugin response has an unsupported key type for key "${id}"`);
    const { fingerprint } = key;
    this.#known.remember(key);
    return {
      id,
      type,
      publicKey,
      fingerprint,
      sign: (message, hash) => this.#prefixed(() => this.#sign(id, fingerprint, message, hash)),
    };
  }

  async #sign(id: string, expected: string, message: Buffer, hash: SignatureHash): Promise<Buffer> {
    const { signature, fingerprint } = await this.#signer.sign(id, message, hash);
    if (signature.length === 0) throw distrusted("plugin returned empty signature data");
    if (fingerprint !== expected)
      throw distrusted(`fingerprint "${expected}" on key "${id}" does not match "${fingerprint}"`);
    return signature;
  }

  async #prefixed<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw StatusError.from(error).prefixed(`keymanager(${this.name}): `);
    }
  }

  [Symbol.dispose](): void {
    this.#close();
  }
}

/** Some plugins answer NotFound where the contract wants an answer without a key: SPIRE takes both. */
function orNoKey(error: unknown): { readonly publicKey: undefined } {
  if (StatusError.from(error).code === Code.NotFound) return { publicKey: undefined };
  throw error;
}

function parsePublicKey(id: string, pkixDer: Buffer): PublicKey {
  try {
    return PublicKey.parse(pkixDer);
  } catch (error) {
    throw distrusted(
      `unable to parse public key PKIX data for key "${id}": ${StatusError.from(error).message}`,
    );
  }
}

function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
