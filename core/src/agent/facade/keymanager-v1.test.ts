import assert from "node:assert/strict";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import { describe, it } from "node:test";
import { Code, definePlugin, extend, StatusError } from "@finial/sdk";
import { KeyManager, KeyType, SignerDefinition } from "@finial/sdk/agent";
import { loadPlugin } from "@finial/sdk/testing";
import { bindKeyManagerV1 } from "./keymanager-v1.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const pkixData = publicKey.export({ format: "der", type: "spki" });
const message = Buffer.from("what is signed");

interface Answer {
  readonly signatures?: readonly Buffer[];
  readonly keyFingerprint?: string;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A key manager with one key, whose Signer, if it has one, answers as it is told. */
async function load(answer?: (messages: readonly Buffer[]) => Answer | undefined) {
  const hashes: Buffer[] = [];
  const plugin = definePlugin({
    type: KeyManager,
    name: "vault",
    extensions: answer === undefined ? [] : [SignerDefinition],
    open: () => ({
      service: {
        getPublicKey: ({ keyId }) => ({
          publicKey: { id: keyId, type: KeyType.EC_P256, pkixData, fingerprint: "f" },
        }),
        signData: ({ data }) => {
          hashes.push(data);
          return { signature: Buffer.from("by digest"), keyFingerprint: "f" };
        },
      },
      extensions:
        answer === undefined
          ? []
          : [
              extend(SignerDefinition, {
                sign: async function* (requests) {
                  for await (const { id, messages } of requests) {
                    const answered = answer(messages);
                    if (answered === undefined) return;
                    yield { id, ...answered };
                  }
                },
              }),
            ],
    }),
  });
  const loaded = await loadPlugin(plugin);
  const key = await bindKeyManagerV1(loaded).findKey("agent-svid-A");
  assert.ok(key);
  return { loaded, hashes, key };
}

describe("bindKeyManagerV1()", () => {
  it("has whole messages signed where the plugin offers it", async () => {
    const { loaded, hashes, key } = await load((messages) => ({
      signatures: messages.map((each) => sign("sha256", each, privateKey)),
      keyFingerprint: "f",
    }));
    await using _ = loaded;
    for (let time = 0; time < 2; time++)
      assert.ok(verify("sha256", message, publicKey, await key.sign(message)));
    assert.deepEqual(hashes, []);
  });

  it("has digests signed by every other plugin", async () => {
    const { loaded, hashes, key } = await load();
    await using _ = loaded;
    assert.deepEqual(await key.sign(message), Buffer.from("by digest"));
    assert.deepEqual(
      hashes.map((hash) => hash.toString("hex")),
      ["819893434c4fe98186a93ce2782c7a73023a46b588b089bb559f98fc4b895c3c"],
    );
  });

  const cases: [string, Answer, Code, string][] = [
    [
      "passes on why it was not signed",
      { error: { code: Code.NotFound, message: 'no such key "a"' } },
      Code.NotFound,
      'keymanager(vault): no such key "a"',
    ],
    [
      "takes an error that says it is none for unknown",
      { error: { code: Code.Ok, message: "fine" } },
      Code.Unknown,
      "keymanager(vault): fine",
    ],
    [
      "distrusts an answer without a signature",
      { keyFingerprint: "f" },
      Code.Internal,
      "keymanager(vault): plugin returned empty signature data",
    ],
    [
      "distrusts a signature by another key",
      { signatures: [Buffer.from("s")], keyFingerprint: "g" },
      Code.Internal,
      'keymanager(vault): fingerprint "f" on key "agent-svid-A" does not match "g"',
    ],
  ];
  for (const [title, answer, code, text] of cases)
    it(title, async () => {
      const { loaded, key } = await load(() => answer);
      await using _ = loaded;
      await assert.rejects(key.sign(message), (error: unknown) => {
        assert.ok(error instanceof StatusError);
        assert.deepEqual([error.code, error.message], [code, text]);
        return true;
      });
    });

  it("passes on how the stream ended", async () => {
    const { loaded, key } = await load(() => {
      throw new StatusError(Code.Unavailable, "AWAY", "the vault is sealed");
    });
    await using _ = loaded;
    await assert.rejects(key.sign(message), {
      code: Code.Unavailable,
      message: "keymanager(vault): the vault is sealed",
    });
  });

  it("waits for no answer that does not come", async () => {
    const { loaded, key } = await load(() => undefined);
    await using _ = loaded;
    await assert.rejects(key.sign(message), {
      code: Code.Unavailable,
      message: "keymanager(vault): the plugin closed its Signer stream",
    });
  });
});
