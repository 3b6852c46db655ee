import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KeyManagerDefinition, KeyType } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { Hash, SignerDefinition } from "@finial/proto/plugin/server/keymanager/v1/signer";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { createClient } from "@finial/sdk/internal";
import { type StartedPlugin, startPluginProcess } from "@finial/test/support/plugin-process";
import { type Figure, percentile } from "../figure.ts";

const bundle = join(import.meta.dirname, "../../plugins/server/keymanager/disk/dist/plugin.mjs");
const warmUp = 2000;
const count = 5000;
const keyId = "bench";

/** Calls of a KeyManager's process over a sealed link, one after the other: a unary one, and a signature over the Signer stream. */
export async function measurePluginCalls(): Promise<readonly Figure[]> {
  const folder = mkdtempSync(join(tmpdir(), "finial-bench-"));
  try {
    await using plugin = await startPluginProcess(bundle, "KeyManager", { sealed: true });
    await createClient(ConfigDefinition, plugin.channel).configure({
      coreConfiguration: { trustDomain: "example.org" },
      hclConfiguration: `keys_path = "${join(folder, "keys.json")}"`,
    });
    const keyManager = createClient(KeyManagerDefinition, plugin.channel);
    await keyManager.generateKey({ keyId, keyType: KeyType.EC_P256 });
    const calls = await timesOf(() => keyManager.getPublicKey({ keyId }));
    const signatures = await signatureTimes(plugin);
    return [
      { name: "plugin_call_p50_us", value: percentile(calls, 50), unit: "µs" },
      { name: "plugin_call_p99_us", value: percentile(calls, 99), unit: "µs" },
      { name: "plugin_sign_p50_us", value: percentile(signatures, 50), unit: "µs" },
      { name: "plugin_sign_p99_us", value: percentile(signatures, 99), unit: "µs" },
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function signatureTimes(plugin: StartedPlugin): Promise<readonly number[]> {
  const stream = createClient(SignerDefinition, plugin.channel).sign();
  const responses = stream[Symbol.asyncIterator]();
  const messages = [Buffer.alloc(400)];
  let id = 0;
  const times = await timesOf(async () => {
    await stream.send({ id: ++id, keyId, hash: Hash.HASH_SHA256, messages });
    const { value } = await responses.next();
    if (value?.signatures.length !== 1) throw new Error(`no signature: ${value?.error?.message}`);
  });
  stream.end();
  return times;
}

/** @returns microseconds. */
async function timesOf(call: () => Promise<unknown>): Promise<readonly number[]> {
  for (let index = 0; index < warmUp; index++) await call();
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    await call();
    times.push((performance.now() - startedAt) * 1000);
  }
  return times;
}
