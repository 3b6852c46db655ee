import type { KeyObject } from "node:crypto";
import { KeyExportDefinition } from "@finial/proto/plugin/agent/keymanager/v1/keyexport";
import {
  KeyManagerDefinition,
  KeyType,
  type PublicKey as WirePublicKey,
} from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
import { Code, StatusError } from "@finial/sdk";
import { PublicKey, parsePrivateKeyDer } from "@finial/sdk/crypto";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { KnownKeys } from "../../kernel/catalog/known-keys.ts";
import { requireResponse } from "../../kernel/catalog/plugin-errors.ts";
import { type KeySignature, makeSignDigest, makeSignMessage } from "./key-signer.ts";
import type { AgentKey, KeyManager } from "./keymanager.ts";

/** SPIRE gives a key manager this long for any answer. */
const deadlineMs = 30_000;

/** The agent's KeyManager port over `spire.plugin.agent.keymanager.v1`. */
export function bindKeyManagerV1(plugin: BoundPlugin): KeyManager {
  const { name, services } = plugin;
  const client = plugin.client(KeyManagerDefinition);
  const signMessage = makeSignMessage(plugin, deadlineMs);
  const signDigest = makeSignDigest(plugin, deadlineMs);
  const keyExport = services.has(KeyExportDefinition.fullName)
    ? plugin.client(KeyExportDefinition)
    : undefined;

  const known = new KnownKeys();
  let tellOfLoss = (_ids: ReadonlySet<string>): void => {};
  plugin.returns?.examine(async (fresh) => {
    const { publicKeys } = await fresh(KeyManagerDefinition).getPublicKeys({}, { deadlineMs });
    const lost = known.examine(publicKeys, { mayBeGone: plugin.returns?.ephemeral ?? false });
    if (lost.size > 0) tellOfLoss(lost);
  });

  const prefixed = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw StatusError.from(error).prefixed(`keymanager(${name}): `);
    }
  };

  const checked = (id: string, expected: string, { signature, keyFingerprint }: KeySignature): Buffer => {
    if (signature.length === 0) throw distrusted("plugin returned empty signature data");
    if (keyFingerprint !== expected)
      throw distrusted(`fingerprint "${expected}" on key "${id}" does not match "${keyFingerprint}"`);
    return signature;
  };

  const findPrivateKey = async (id: string, publicKey: PublicKey): Promise<KeyObject | undefined> => {
    if (keyExport === undefined) return undefined;
    const { privateKey: der } = await keyExport.exportKey({ keyId: id }, { deadlineMs });
    const key = parsePrivateKeyDer(der);
    if (!PublicKey.of(key).equals(publicKey))
      throw distrusted(`plugin exported another key than it announced for "${id}"`);
    return key;
  };

  const toKey = (id: string, wire: WirePublicKey | undefined): AgentKey => {
    const key = requireResponse(wire, `plugin response empty for key "${id}"`);
    if (key.id !== id) throw distrusted(`plugin response has unexpected key id "${key.id}" for key "${id}"`);
    if (key.pkixData.length === 0)
      throw distrusted(`plugin response missing public key PKIX data for key "${id}"`);
    const publicKey = PublicKey.parse(key.pkixData);
    const { fingerprint } = key;
    known.remember(key);
    return {
      id,
      publicKey,
      fingerprint,
      sign: (message) => prefixed(async () => checked(id, fingerprint, await signMessage(id, message))),
      signDigest: (digest) => prefixed(async () => checked(id, fingerprint, await signDigest(id, digest))),
      findPrivateKey: () => prefixed(() => findPrivateKey(id, publicKey)),
    };
  };

  return {
    name,
    generateKey: (id) =>
      prefixed(async () => {
        known.forget(id);
        const { publicKey } = await client.generateKey(
          { keyId: id, keyType: KeyType.EC_P256 },
          { deadlineMs },
        );
        return toKey(id, publicKey);
      }),
    findKey: (id) =>
      prefixed(async () => {
        const { publicKey } = await client.getPublicKey({ keyId: id }, { deadlineMs }).catch(orNoKey);
        return publicKey && toKey(id, publicKey);
      }),
    getKeys: () =>
      prefixed(async () => {
        const { publicKeys } = await client.getPublicKeys({}, { deadlineMs });
        return publicKeys.map((key) => toKey(key.id, key));
      }),
    onKeysLost: (listener) => {
      tellOfLoss = listener;
    },
  };
}

/** Some plugins answer NotFound where the contract wants an answer without a key: SPIRE takes both. */
function orNoKey(error: unknown): { readonly publicKey: undefined } {
  if (StatusError.from(error).code === Code.NotFound) return { publicKey: undefined };
  throw error;
}

function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
