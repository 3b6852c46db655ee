import assert from "node:assert/strict";
import { createHash, verify } from "node:crypto";
import {
  HashAlgorithm,
  KeyManagerDefinition,
  KeyType,
} from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { Hash, SignerDefinition } from "@finial/proto/plugin/server/keymanager/v1/signer";
import { PublicKey } from "../../crypto/public-key.ts";
import type { ServiceDefinition } from "../../rpc/definition.ts";
import { Code } from "../../status/code.ts";
import { StatusError } from "../../status/status-error.ts";
import type { LoadedPlugin } from "../load-plugin.ts";
import { describe, it } from "./suite.ts";

export interface KeyManagerContract {
  /** Which side's service names the plugin answers to; the messages are the same. */
  readonly side: "server" | "agent";
  /** A fresh, configured plugin without keys. */
  readonly load: () => Promise<LoadedPlugin>;
}

const types = [
  ["ec-p256", KeyType.EC_P256],
  ["ec-p384", KeyType.EC_P384],
  ["rsa-2048", KeyType.RSA_2048],
  ["rsa-4096", KeyType.RSA_4096],
] as const;

/** What every KeyManager must do, as tests of the running file. */
export function keyManagerContract({ side, load }: KeyManagerContract): void {
  const definition = forSide(KeyManagerDefinition, side);
  const signer = forSide(SignerDefinition, side);

  describe("the KeyManager contract", () => {
    for (const [name, keyType] of types) {
      it(`makes ${name} keys and signs digests with them`, async () => {
        await using plugin = await load();
        const client = plugin.client(definition);
        const { publicKey } = await client.generateKey({ keyId: "a", keyType });
        assert.ok(publicKey);
        assert.equal(publicKey.id, "a");
        assert.equal(publicKey.type, keyType);
        assert.notEqual(publicKey.fingerprint, "");
        const key = PublicKey.parse(publicKey.pkixData);
        assert.equal(key.type, name);
        const message = Buffer.from("message");
        for (const [hash, algorithm] of [
          ["sha256", HashAlgorithm.SHA256],
          ["sha384", HashAlgorithm.SHA384],
          ["sha512", HashAlgorithm.SHA512],
        ] as const) {
          const { signature, keyFingerprint } = await client.signData({
            keyId: "a",
            data: createHash(hash).update(message).digest(),
            signerOpts: { $case: "hashAlgorithm", value: algorithm },
          });
          assert.equal(keyFingerprint, publicKey.fingerprint);
          assert.ok(verify(hash, message, key.keyObject, signature), `${name} with ${hash}`);
        }
      });
    }

    it("lists what it made, and replaces a key of the same id", async () => {
      await using plugin = await load();
      const client = plugin.client(definition);
      const first = await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
      const other = await client.generateKey({ keyId: "b", keyType: KeyType.EC_P384 });
      const second = await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
      assert.notEqual(second.publicKey?.fingerprint, first.publicKey?.fingerprint);
      const { publicKeys } = await client.getPublicKeys({});
      assert.deepEqual(publicKeys, [second.publicKey, other.publicKey]);
      assert.deepEqual((await client.getPublicKey({ keyId: "a" })).publicKey, second.publicKey);
      assert.equal((await client.getPublicKey({ keyId: "none" })).publicKey, undefined);
    });

    it("refuses what is missing or unknown", async () => {
      await using plugin = await load();
      const client = plugin.client(definition);
      const hash = { $case: "hashAlgorithm", value: HashAlgorithm.SHA256 } as const;
      const data = Buffer.alloc(32);
      const cases: readonly [Promise<unknown>, Code, RegExp][] = [
        [client.generateKey({ keyType: KeyType.EC_P256 }), Code.InvalidArgument, /key id is required$/],
        [client.generateKey({ keyId: "a" }), Code.InvalidArgument, /key type is required$/],
        [client.getPublicKey({}), Code.InvalidArgument, /key id is required$/],
        [client.signData({ data, signerOpts: hash }), Code.InvalidArgument, /key id is required$/],
        [client.signData({ keyId: "a", data }), Code.InvalidArgument, /signer opts is required$/],
        [client.signData({ keyId: "a", data, signerOpts: hash }), Code.NotFound, /no such key "a"$/],
      ];
      for (const [call, code, message] of cases) {
        const error = await call.then(
          () => assert.fail("it succeeded"),
          (thrown: unknown) => thrown,
        );
        assert.ok(error instanceof StatusError);
        assert.equal(error.code, code);
        assert.match(error.message, message);
      }
    });

    it("signs whole messages over the Signer stream, in order, if it offers one", async () => {
      await using plugin = await load();
      if (!plugin.services.has(signer.fullName)) return;
      const { publicKey } = await plugin
        .client(definition)
        .generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
      const stream = plugin.client(signer).sign();
      const messages = ["one", "two", "three"].map((text) => Buffer.from(text));
      await stream.send({ id: 7, keyId: "a", hash: Hash.HASH_SHA256, messages });
      await stream.send({ id: 8, keyId: "none", hash: Hash.HASH_SHA256, messages });
      await stream.send({ id: 9, keyId: "a", messages });
      stream.end();
      const [signed, missing, hashless] = await Array.fromAsync(stream);
      const key = PublicKey.parse(publicKey?.pkixData ?? Buffer.alloc(0)).keyObject;
      assert.equal(signed?.id, 7);
      assert.equal(signed.keyFingerprint, publicKey?.fingerprint);
      for (const [index, message] of messages.entries())
        assert.ok(verify("sha256", message, key, signed.signatures[index] ?? Buffer.alloc(0)));
      assert.deepEqual([missing?.id, missing?.error?.code], [8, Code.NotFound]);
      assert.deepEqual([hashless?.id, hashless?.error?.code], [9, Code.InvalidArgument]);
    });
  });
}

/** Both sides' protos differ in their package alone. */
function forSide<D extends ServiceDefinition>(definition: D, side: "server" | "agent"): D {
  return { ...definition, fullName: definition.fullName.replace(".plugin.server.", `.plugin.${side}.`) };
}
