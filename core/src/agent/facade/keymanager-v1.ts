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
import { requireResponse } from "../../kernel/catalog/plugin-errors.ts";
import { makeSignMessage } from "./key-signer.ts";
import type { AgentKey, KeyManager } from "./keymanager.ts";

/** SPIRE gives a key manager this long for any answer. */
const deadlineMs = 30_000;

/** The agent's KeyManager port over `spire.plugin.agent.keymanager.v1`. */
export function bindKeyManagerV1(plugin: BoundPlugin): KeyManager {
  const { name, services } = plugin;
  const client = plugin.client(KeyManagerDefinition);
  const signMessage = makeSignMessage(plugin, deadlineMs);
  const keyExport = services.has(KeyExportDefinition.fullName)
    ? plugin.client(KeyExportDefinition)
    : undefined;

  const prefixed = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw StatusError.from(error).prefixed(`keymanager(${name}): `);
    }
  };

  const sign = async (id: string, expected: string, message: Buffer): Promise<Buffer> => {
    const { signature, keyFingerprint } = await signMessage(id, message);
    if (signature.length === 0) throw distrusted("plugin returned empty signature data");
    if (keyFingerprint !== expected)
      throw distrusted(`fingerprint "${expected}" on key "${id}" does not match "${keyFingerprint}"`);
    return signature;
  };

  const privateKey = async (id: string, publicKey: PublicKey): Promise<KeyObject> => {
    if (keyExport === undefined)
      throw new StatusError(
        Code.FailedPrecondition,
        "KEY_EXPORT_MISSING",
        `the plugin does not offer ${KeyExportDefinition.fullName}, without which the agent cannot use its keys for TLS; use the key manager "disk" or "memory"`,
      );
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
    return {
      id,
      publicKey,
      fingerprint: key.fingerprint,
      sign: (message) => prefixed(() => sign(id, key.fingerprint, message)),
      privateKey: () => prefixed(() => privateKey(id, publicKey)),
    };
  };

  return {
    name,
    generateKey: (id) =>
      prefixed(async () => {
        const { publicKey } = await client.generateKey(
          { keyId: id, keyType: KeyType.EC_P256 },
          { deadlineMs },
        );
        return toKey(id, publicKey);
      }),
    findKey: (id) =>
      prefixed(async () => {
        const { publicKey } = await client.getPublicKey({ keyId: id }, { deadlineMs });
        return publicKey && toKey(id, publicKey);
      }),
    getKeys: () =>
      prefixed(async () => {
        const { publicKeys } = await client.getPublicKeys({}, { deadlineMs });
        return publicKeys.map((key) => toKey(key.id, key));
      }),
  };
}

function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
