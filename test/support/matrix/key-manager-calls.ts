import { createHash, verify } from "node:crypto";
import * as agent from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
import * as server from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { PublicKey } from "@finial/sdk/crypto";
import { createClient } from "@finial/sdk/internal";
import { startPluginProcess } from "../plugin-process.ts";
import { type PluginKind, wordOf } from "./kind.ts";
import type { PluginLaunch } from "./plugin-program.ts";

const keyId = "matrix";

/**
 * Asks a key manager each of its RPCs, over a link of its own: daemons ask for one key by its name only when they come back.
 *
 * @param configuration undefined: it takes none.
 * @returns the names of the RPCs that did what they should.
 */
export async function callKeyManager(
  launch: PluginLaunch,
  kind: Pick<PluginKind, "side" | "type">,
  configuration = launch.records ? `word = "${wordOf(kind)}"` : undefined,
): Promise<readonly string[]> {
  await using plugin = await startPluginProcess(launch.file, kind.type, {
    args: launch.args,
    metrics: launch.records,
    log: "ignore",
  });
  if (configuration !== undefined)
    await createClient(ConfigDefinition, plugin.channel).configure({
      coreConfiguration: { trustDomain: "example.org" },
      hclConfiguration: configuration,
    });
  const { KeyManagerDefinition, KeyType, HashAlgorithm } = kind.side === "server" ? server : agent;
  const client = createClient(KeyManagerDefinition, plugin.channel);

  const { publicKey: made } = await client.generateKey({ keyId, keyType: KeyType.EC_P256 });
  if (made?.id !== keyId || made.type !== KeyType.EC_P256) throw new Error("GenerateKey made another key");
  const { publicKey: found } = await client.getPublicKey({ keyId });
  if (!found?.pkixData.equals(made.pkixData)) throw new Error("GetPublicKey gives another key");
  const { publicKeys } = await client.getPublicKeys({});
  if (publicKeys.length !== 1 || publicKeys[0]?.fingerprint !== made.fingerprint)
    throw new Error("GetPublicKeys does not give the key");
  const message = Buffer.from("what is signed");
  const { signature, keyFingerprint } = await client.signData({
    keyId,
    data: createHash("sha256").update(message).digest(),
    signerOpts: { $case: "hashAlgorithm", value: HashAlgorithm.SHA256 },
  });
  if (keyFingerprint !== made.fingerprint) throw new Error("SignData signed with another key");
  if (!verify("sha256", message, PublicKey.parse(made.pkixData).keyObject, signature))
    throw new Error("the signature does not verify");
  await plugin.shutdown();
  return ["GenerateKey", "GetPublicKey", "GetPublicKeys", "SignData"];
}
