import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { KeyManager, KeyType } from "@finial/sdk/server";
import { keyManagerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

async function folder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "keys-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

keyManagerContract({
  side: "server",
  load: async () => {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await folder());
    const loaded = stack.use(await loadPlugin(plugin, { config: `keys_path = "${path}/keys.json"` }));
    const owned = stack.move();
    return { ...loaded, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },
});

describe('KeyManager "disk"', () => {
  it("keeps its keys over a restart, in a file only its owner reads", async () => {
    await using dir = await folder();
    const keysPath = join(dir.path, "keys.json");
    const config = `keys_path = "${keysPath}"`;
    const made = await (async () => {
      await using first = await loadPlugin(plugin, { config });
      return await first
        .client(KeyManager.definition)
        .generateKey({ keyId: "x509-CA-A", keyType: KeyType.EC_P256 });
    })();
    assert.equal((await stat(keysPath)).mode & 0o777, 0o600);
    const { keys } = JSON.parse(await readFile(keysPath, "utf8"));
    assert.deepEqual(Object.keys(keys), ["x509-CA-A"]);

    await using second = await loadPlugin(plugin, { config });
    const { publicKeys } = await second.client(KeyManager.definition).getPublicKeys({});
    assert.deepEqual(publicKeys, [made.publicKey]);
  });

  it("offers nothing that hands out a private key", async () => {
    await using loaded = await loadPlugin(plugin);
    assert.deepEqual([...loaded.services].sort(), [
      "finial.plugin.server.keymanager.v1.Signer",
      "spire.plugin.server.keymanager.v1.KeyManager",
      "spire.service.common.config.v1.Config",
    ]);
  });

  it("does not show a key that could not be saved", async () => {
    await using dir = await folder();
    await using loaded = await loadPlugin(plugin, { config: `keys_path = "${dir.path}/missing/keys.json"` });
    const client = loaded.client(KeyManager.definition);
    const error = await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 }).then(
      () => assert.fail("it succeeded"),
      (thrown: unknown) => thrown,
    );
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, Code.Internal);
    assert.match(error.message, /^failed to generate key: unable to write keys to "/);
    assert.deepEqual((await client.getPublicKeys({})).publicKeys, []);
  });

  it("keeps the keys in memory when it is configured again, and writes them where it then says", async () => {
    await using dir = await folder();
    await using loaded = await loadPlugin(plugin, { config: `keys_path = "${dir.path}/one.json"` });
    const client = loaded.client(KeyManager.definition);
    const { publicKey: first } = await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
    await writeFile(join(dir.path, "two.json"), '{"keys": {"ignored": "no key"}}');
    await loaded.configure(`keys_path = "${dir.path}/two.json"`);
    const { publicKey: second } = await client.generateKey({ keyId: "b", keyType: KeyType.EC_P256 });
    assert.deepEqual((await client.getPublicKeys({})).publicKeys, [first, second]);
    const idsIn = async (name: string): Promise<string[]> =>
      Object.keys(JSON.parse(await readFile(join(dir.path, name), "utf8")).keys);
    assert.deepEqual([await idsIn("one.json"), await idsIn("two.json")], [["a"], ["a", "b"]]);
  });

  it("loses no key to a configuration that another has overtaken", async () => {
    await using dir = await folder();
    const slow = join(dir.path, "slow.json");
    execFileSync("mkfifo", [slow]);
    await using loaded = await loadPlugin(plugin);
    const overtaken = loaded.configure(`keys_path = "${slow}"`);
    await loaded.configure(`keys_path = "${dir.path}/keys.json"`);
    const client = loaded.client(KeyManager.definition);
    const { publicKey } = await client.generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
    await writeFile(slow, "{}");
    await overtaken;
    assert.deepEqual((await client.getPublicKeys({})).publicKeys, [publicKey]);
  });

  it("names a broken file without its contents", async () => {
    await using dir = await folder();
    const keysPath = join(dir.path, "keys.json");
    for (const [content, message] of [
      ['{"keys": {"a": "c2VjcmV0"}}', `unable to parse key "a" in "${keysPath}": malformed private key`],
      ['{"keys": secret', `unable to decode keys JSON in "${keysPath}"`],
    ] as const) {
      await writeFile(keysPath, content);
      await using loaded = await loadPlugin(plugin);
      await assert.rejects(loaded.configure(`keys_path = "${keysPath}"`), { code: Code.Internal, message });
    }
  });
});
