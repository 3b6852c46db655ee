import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { KeyExportDefinition, KeyManager, KeyType } from "@finial/sdk/agent";
import { PublicKey, parsePrivateKeyDer } from "@finial/sdk/crypto";
import { keyManagerContract, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

async function folder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "keys-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

keyManagerContract({
  side: "agent",
  load: async () => {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await folder());
    const loaded = stack.use(await loadPlugin(plugin, { config: `directory = "${path}"` }));
    const owned = stack.move();
    return { ...loaded, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  },
});

describe('KeyManager "disk"', () => {
  it("keeps its keys over a restart, in a file only its owner reads", async () => {
    await using dir = await folder();
    const keysPath = join(dir.path, "keys.json");
    const config = `directory = "${dir.path}"`;
    const made = await (async () => {
      await using first = await loadPlugin(plugin, { config });
      return await first
        .client(KeyManager.definition)
        .generateKey({ keyId: "agent-svid-A", keyType: KeyType.EC_P256 });
    })();
    assert.equal((await stat(keysPath)).mode & 0o777, 0o600);
    const { keys } = JSON.parse(await readFile(keysPath, "utf8"));
    assert.deepEqual(Object.keys(keys), ["agent-svid-A"]);

    await using second = await loadPlugin(plugin, { config });
    const { publicKeys } = await second.client(KeyManager.definition).getPublicKeys({});
    assert.deepEqual(publicKeys, [made.publicKey]);
  });

  it("hands a key out to the agent, and no other", async () => {
    await using dir = await folder();
    await using loaded = await loadPlugin(plugin, { config: `directory = "${dir.path}/made"` });
    const { publicKey } = await loaded
      .client(KeyManager.definition)
      .generateKey({ keyId: "a", keyType: KeyType.EC_P256 });
    const exported = loaded.client(KeyExportDefinition);
    const { privateKey } = await exported.exportKey({ keyId: "a" });
    assert.ok(
      PublicKey.of(parsePrivateKeyDer(privateKey)).pkixDer.equals(publicKey?.pkixData ?? Buffer.alloc(0)),
    );
    await assert.rejects(exported.exportKey({ keyId: "b" }), {
      code: Code.NotFound,
      message: 'no such key "b"',
    });
  });

  it("finds out at once that it cannot write", async () => {
    await using dir = await folder();
    await writeFile(join(dir.path, "file"), "");
    await using loaded = await loadPlugin(plugin);
    await assert.rejects(loaded.configure(`directory = "${dir.path}/file"`), {
      code: Code.FailedPrecondition,
      message: /^directory validation failed: EEXIST/,
    });
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
      await assert.rejects(loaded.configure(`directory = "${dir.path}"`), { code: Code.Internal, message });
    }
  });
});
