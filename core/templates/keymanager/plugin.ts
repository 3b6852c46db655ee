import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import type { KeyPairType } from "@finial/sdk/crypto";
import { KeyManager, KeyType, type SignDataRequest, type WirePublicKey } from "@finial/sdk/server";
import { type Config, parseConfig } from "./config.ts";
import { type Key, makeKey, signDigest } from "./key.ts";

const keyTypes = new Map<KeyType, KeyPairType>([
  [KeyType.EC_P256, "ec-p256"],
  [KeyType.EC_P384, "ec-p384"],
  [KeyType.RSA_2048, "rsa-2048"],
  [KeyType.RSA_4096, "rsa-4096"],
]);
const wireTypes = new Map([...keyTypes].map(([wire, type]) => [type, wire]));

/** KeyManager "__NAME__": keys in memory, which end with the process. Put the calls of your key store into their place. */
export const plugin: Plugin = definePlugin({
  type: KeyManager,
  name: "__NAME__",
  parseConfig,
  open: ({ logger }) => {
    const keys = new Map<string, Key>();
    let configured: Config | undefined;
    const requireConfig = (): Config => {
      if (configured === undefined)
        throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      return configured;
    };
    return {
      configure: (config) => {
        configured = config;
      },
      close: () => keys.clear(),
      service: {
        generateKey: async ({ keyId, keyType }) => {
          const { maxKeys } = requireConfig();
          if (keyId === "") throw invalid("key id is required");
          const type = keyTypes.get(keyType);
          if (type === undefined) throw invalid("key type is required");
          if (keys.size >= maxKeys && !keys.has(keyId))
            throw new StatusError(Code.ResourceExhausted, "MAX_KEYS", `there are ${maxKeys} keys already`);
          const key = await makeKey(type);
          keys.set(keyId, key);
          logger.info("Generated a key", { key_id: keyId, key_type: type });
          return { publicKey: publicKeyOf(keyId, key) };
        },
        getPublicKey: ({ keyId }) => {
          requireConfig();
          if (keyId === "") throw invalid("key id is required");
          const key = keys.get(keyId);
          return { publicKey: key && publicKeyOf(keyId, key) };
        },
        getPublicKeys: () => {
          requireConfig();
          return { publicKeys: [...keys].map(([keyId, key]) => publicKeyOf(keyId, key)) };
        },
        signData: (request) => {
          requireConfig();
          return signData(keys, request);
        },
      },
    };
  },
});

function signData(keys: ReadonlyMap<string, Key>, { keyId, data, signerOpts }: SignDataRequest) {
  if (keyId === "") throw invalid("key id is required");
  if (signerOpts === undefined) throw invalid("signer opts is required");
  if (signerOpts.$case === "pssOptions")
    throw new StatusError(Code.Unimplemented, "PSS", "PSS signatures are not supported");
  const key = keys.get(keyId);
  if (key === undefined) throw new StatusError(Code.NotFound, "KEY_NOT_FOUND", `no such key "${keyId}"`);
  return { signature: signDigest(key, data, signerOpts.value), keyFingerprint: key.fingerprint };
}

function publicKeyOf(id: string, { type, publicKey, fingerprint }: Key): WirePublicKey {
  const wireType = wireTypes.get(type) ?? KeyType.UNSPECIFIED_KEY_TYPE;
  return { id, type: wireType, pkixData: publicKey.pkixDer, fingerprint };
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "KEY_REQUEST", message);
}
