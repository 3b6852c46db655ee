import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { describe, it } from "node:test";
import { Code, definePlugin, extend, StatusError } from "@finial/sdk";
import { KeyExportDefinition, KeyManager, KeyType, type WirePublicKey } from "@finial/sdk/agent";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { loadPlugin } from "@finial/sdk/testing";
import { bindKeyManagerV1 } from "./keymanager-v1.ts";

const privateKey = await generatePrivateKey("ec-p256");
const otherKey = await generatePrivateKey("ec-p256");
const pkixData = Buffer.from(PublicKey.of(privateKey).pkixDer);
const wire: WirePublicKey = { id: "agent-svid-A", type: KeyType.EC_P256, pkixData, fingerprint: "f" };

interface Answers {
  readonly publicKey?: Partial<WirePublicKey> | undefined;
  readonly publicKeys?: readonly WirePublicKey[];
  /** Absent: the plugin does not offer it. */
  readonly exported?: KeyObject | Buffer;
  readonly failure?: StatusError;
}

async function load(answers: Answers = {}) {
  const requests: unknown[] = [];
  const answer = <T>(request: unknown, response: T): T => {
    requests.push(request);
    if (answers.failure !== undefined) throw answers.failure;
    return response;
  };
  const publicKey = "publicKey" in answers ? answers.publicKey && { ...wire, ...answers.publicKey } : wire;
  const exported = Buffer.isBuffer(answers.exported)
    ? answers.exported
    : answers.exported?.export({ format: "der", type: "pkcs8" });
  const plugin = definePlugin({
    type: KeyManager,
    name: "test",
    ...(exported && { extensions: [KeyExportDefinition] }),
    open: () => ({
      service: {
        generateKey: (request) => answer(request, { publicKey }),
        getPublicKey: (request) => answer(request, { publicKey }),
        getPublicKeys: (request) => answer(request, { publicKeys: [...(answers.publicKeys ?? [])] }),
      },
      ...(exported && {
        extensions: [
          extend(KeyExportDefinition, { exportKey: (request) => answer(request, { privateKey: exported }) }),
        ],
      }),
    }),
  });
  const loaded = await loadPlugin(plugin);
  return { keys: bindKeyManagerV1(loaded), loaded, requests };
}

describe("the keys of bindKeyManagerV1()", () => {
  it("makes, finds and lists keys", async () => {
    const { keys, loaded, requests } = await load({ publicKeys: [wire, { ...wire, id: "agent-svid-B" }] });
    await using _ = loaded;
    const key = await keys.generateKey("agent-svid-A");
    assert.deepEqual([key.id, key.fingerprint, key.publicKey.pkixDer], ["agent-svid-A", "f", pkixData]);
    assert.equal((await keys.findKey("agent-svid-A"))?.id, "agent-svid-A");
    assert.deepEqual(
      (await keys.getKeys()).map(({ id }) => id),
      ["agent-svid-A", "agent-svid-B"],
    );
    assert.deepEqual(requests, [
      { keyId: "agent-svid-A", keyType: KeyType.EC_P256 },
      { keyId: "agent-svid-A" },
      {},
    ]);
  });

  it("finds nothing where there is nothing", async () => {
    const { keys, loaded } = await load({ publicKey: undefined });
    await using _ = loaded;
    assert.deepEqual([await keys.findKey("agent-svid-A"), await keys.getKeys()], [undefined, []]);
  });

  const refused: readonly {
    readonly title: string;
    readonly publicKey: Answers["publicKey"];
    readonly message: string;
  }[] = [
    { title: "no key", publicKey: undefined, message: 'plugin response empty for key "agent-svid-A"' },
    {
      title: "another key",
      publicKey: { id: "other" },
      message: 'plugin response has unexpected key id "other" for key "agent-svid-A"',
    },
    {
      title: "a key without a public half",
      publicKey: { pkixData: Buffer.alloc(0) },
      message: 'plugin response missing public key PKIX data for key "agent-svid-A"',
    },
  ];
  for (const { title, publicKey, message } of refused)
    it(`refuses ${title} in place of the one it asked for`, async () => {
      const { keys, loaded } = await load({ publicKey });
      await using _ = loaded;
      await assert.rejects(keys.generateKey("agent-svid-A"), {
        code: Code.Internal,
        reason: "PLUGIN_RESPONSE",
        message: `keymanager(test): ${message}`,
      });
    });

  it("refuses a public half that does not parse", async () => {
    const { keys, loaded } = await load({ publicKey: { pkixData: Buffer.from("x") } });
    await using _ = loaded;
    await assert.rejects(keys.generateKey("agent-svid-A"), { message: /^keymanager\(test\): / });
  });

  it("says whose failure it is", async () => {
    const failure = new StatusError(Code.PermissionDenied, "X", "no");
    const { keys, loaded } = await load({ failure });
    await using _ = loaded;
    for (const call of [() => keys.generateKey("a"), () => keys.findKey("a"), () => keys.getKeys()])
      await assert.rejects(call(), { code: Code.PermissionDenied, message: "keymanager(test): no" });
  });
});

describe("AgentKey.findPrivateKey()", () => {
  it("gives the private half", async () => {
    const { keys, loaded } = await load({ exported: privateKey });
    await using _ = loaded;
    const key = await (await keys.generateKey("agent-svid-A")).findPrivateKey();
    assert.ok(key && PublicKey.of(key).equals(PublicKey.of(privateKey)));
  });

  it("refuses the private half of another key, and what is none", async () => {
    const other = await load({ exported: otherKey });
    await using _ = other.loaded;
    await assert.rejects((await other.keys.generateKey("agent-svid-A")).findPrivateKey(), {
      code: Code.Internal,
      message: 'keymanager(test): plugin exported another key than it announced for "agent-svid-A"',
    });
    const none = await load({ exported: Buffer.from("secret") });
    await using __ = none.loaded;
    await assert.rejects((await none.keys.generateKey("agent-svid-A")).findPrivateKey(), (error: Error) => {
      assert.match(error.message, /^keymanager\(test\): /);
      assert.ok(!error.message.includes("secret"));
      return true;
    });
  });

  it("gives none when the plugin keeps its keys to itself", async () => {
    const { keys, loaded } = await load();
    await using _ = loaded;
    assert.equal(await (await keys.generateKey("agent-svid-A")).findPrivateKey(), undefined);
  });
});
