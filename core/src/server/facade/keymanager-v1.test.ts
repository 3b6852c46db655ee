import assert from "node:assert/strict";
import { createHash, type KeyObject, sign, verify } from "node:crypto";
import { before, describe, it } from "node:test";
import type { SignRequest } from "@finial/proto/plugin/server/keymanager/v1/signer";
import { Code, definePlugin, extend, type Handlers, StatusError } from "@finial/sdk";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { HashAlgorithm, KeyManager, KeyType, SignerDefinition, SignerHash } from "@finial/sdk/server";
import { loadPlugin } from "@finial/sdk/testing";
import type { ClientOf } from "../../kernel/catalog/bound-plugin.ts";
import { bindKeyManagerV1 } from "./keymanager-v1.ts";

type Service = Partial<Handlers<(typeof KeyManager)["definition"]>>;
type Signer = Partial<Handlers<typeof SignerDefinition>>;

const message = Buffer.from("message");
let key: KeyObject;
let pkixData: Buffer;

before(async () => {
  key = await generatePrivateKey("ec-p256");
  pkixData = PublicKey.of(key).pkixDer;
});

const good = () => ({ id: "k", type: KeyType.EC_P256, pkixData, fingerprint: "f" });

/** The port over a plugin that answers like this. */
async function bound(service: Service, signer?: Signer) {
  const plugin = definePlugin({
    type: KeyManager,
    name: "test",
    extensions: signer === undefined ? [] : [SignerDefinition],
    open: () => ({ service, extensions: signer === undefined ? [] : [extend(SignerDefinition, signer)] }),
  });
  const loaded = await loadPlugin(plugin);
  const keyManager = bindKeyManagerV1(loaded);
  return {
    keyManager,
    [Symbol.asyncDispose]: async () => {
      keyManager[Symbol.dispose]();
      await loaded[Symbol.asyncDispose]();
    },
  };
}

describe("bindKeyManagerV1()", () => {
  it("asks for the key type that is wanted, and gives the key", async () => {
    const asked: unknown[] = [];
    await using at = await bound({
      generateKey: (request) => {
        asked.push(request);
        return { publicKey: good() };
      },
      getPublicKey: ({ keyId }) => ({ publicKey: keyId === "k" ? good() : undefined }),
      getPublicKeys: () => ({ publicKeys: [good()] }),
    });
    const { keyManager } = at;
    for (const type of ["ec-p256", "ec-p384", "rsa-2048", "rsa-4096"] as const)
      await keyManager.generateKey("k", type);
    assert.deepEqual(asked, [
      { keyId: "k", keyType: KeyType.EC_P256 },
      { keyId: "k", keyType: KeyType.EC_P384 },
      { keyId: "k", keyType: KeyType.RSA_2048 },
      { keyId: "k", keyType: KeyType.RSA_4096 },
    ]);
    const [found] = await keyManager.getKeys();
    for (const each of [found, await keyManager.findKey("k")])
      assert.deepEqual(
        [each?.id, each?.type, each?.fingerprint, each?.publicKey.pkixDer],
        ["k", "ec-p256", "f", pkixData],
      );
    assert.equal(await keyManager.findKey("none"), undefined);
  });

  it("takes NotFound for no key, as SPIRE does", async () => {
    await using at = await bound({
      getPublicKey: () => {
        throw new StatusError(Code.NotFound, "X", "no such key");
      },
    });
    assert.equal(await at.keyManager.findKey("k"), undefined);
  });

  const answers: readonly [title: string, publicKey: () => object | undefined, message: string][] = [
    ["nothing", () => undefined, 'plugin response empty for key "k"'],
    [
      "another key",
      () => ({ ...good(), id: "other" }),
      'plugin response has unexpected key id "other" for key "k"',
    ],
    [
      "no public key",
      () => ({ ...good(), pkixData: Buffer.alloc(0) }),
      'plugin response missing public key PKIX data for key "k"',
    ],
    [
      "what is no public key",
      () => ({ ...good(), pkixData: Buffer.from("x") }),
      'unable to parse public key PKIX data for key "k": malformed public key',
    ],
  ];
  for (const [title, publicKey, why] of answers) {
    it(`distrusts ${title}`, async () => {
      await using at = await bound({ generateKey: () => ({ publicKey: publicKey() }) });
      await assert.rejects(at.keyManager.generateKey("k", "ec-p256"), (error) => {
        const { code, message: sentence } = StatusError.from(error);
        assert.deepEqual([code, sentence], [Code.Internal, `keymanager(test): ${why}`]);
        return true;
      });
    });
  }

  it("says once whose failure it is, and keeps the code", async () => {
    await using at = await bound({
      generateKey: () => {
        throw new StatusError(Code.ResourceExhausted, "FULL", "the HSM is full");
      },
    });
    await assert.rejects(at.keyManager.generateKey("k", "ec-p256"), {
      code: Code.ResourceExhausted,
      message: "keymanager(test): the HSM is full",
    });
  });
});

describe("bindKeyManagerV1(), signing by SignData", () => {
  it("sends the digest, and gives the signature", async () => {
    const asked: unknown[] = [];
    await using at = await bound({
      getPublicKey: () => ({ publicKey: good() }),
      signData: (request) => {
        asked.push(request);
        return { signature: Buffer.from("signature"), keyFingerprint: "f" };
      },
    });
    const managed = await at.keyManager.findKey("k");
    for (const hash of ["SHA256", "SHA384", "SHA512"] as const)
      assert.deepEqual(await managed?.sign(message, hash), Buffer.from("signature"));
    assert.deepEqual(
      asked,
      (["SHA256", "SHA384", "SHA512"] as const).map((hash) => ({
        keyId: "k",
        data: createHash(hash).update(message).digest(),
        signerOpts: { $case: "hashAlgorithm", value: HashAlgorithm[hash] },
      })),
    );
  });

  const bad: readonly [title: string, answer: { signature: Buffer; keyFingerprint: string }, why: string][] =
    [
      [
        "an empty signature",
        { signature: Buffer.alloc(0), keyFingerprint: "f" },
        "plugin returned empty signature data",
      ],
      [
        "a signature by another key than it was",
        { signature: Buffer.of(1), keyFingerprint: "g" },
        'fingerprint "f" on key "k" does not match "g"',
      ],
    ];
  for (const [title, answer, why] of bad) {
    it(`distrusts ${title}`, async () => {
      await using at = await bound({ getPublicKey: () => ({ publicKey: good() }), signData: () => answer });
      const managed = await at.keyManager.findKey("k");
      await assert.rejects(async () => managed?.sign(message, "SHA256"), {
        code: Code.Internal,
        message: `keymanager(test): ${why}`,
      });
    });
  }
});

describe("bindKeyManagerV1(), when the plugin is another process", () => {
  /** A bound key manager that has shown its key, and what it makes of processes with other keys. */
  async function returning(ephemeral: boolean) {
    const loaded = await loadPlugin(
      definePlugin({
        type: KeyManager,
        name: "test",
        open: () => ({
          service: {
            getPublicKeys: () => ({ publicKeys: [good()] }),
            generateKey: () => {
              throw new StatusError(Code.Unavailable, "AWAY", "gone in the middle of it");
            },
          },
        }),
      }),
    );
    let check: (fresh: ClientOf) => Promise<void> = () => assert.fail("nothing is examined");
    const examine = (added: typeof check): void => {
      check = added;
    };
    const keyManager = bindKeyManagerV1({ ...loaded, returns: { ephemeral, examine } });
    await keyManager.getKeys();
    const lost: string[] = [];
    keyManager.onKeysLost((ids) => lost.push(...ids));
    const comesBackWith = (publicKeys: readonly ReturnType<typeof good>[]): Promise<void> =>
      check((() => ({ getPublicKeys: async () => ({ publicKeys }) })) as unknown as ClientOf);
    return { keyManager, lost, comesBackWith, [Symbol.asyncDispose]: () => loaded[Symbol.asyncDispose]() };
  }

  it("takes it with the keys it had, and refuses it without", async () => {
    await using at = await returning(false);
    await at.comesBackWith([good()]);
    await assert.rejects(at.comesBackWith([]), { reason: "PLUGIN_REFUSED", message: /"k" is gone/ });
    await assert.rejects(at.comesBackWith([{ ...good(), fingerprint: "g" }]), {
      reason: "PLUGIN_REFUSED",
      message: /"k" is another/,
    });
    assert.deepEqual(at.lost, []);
  });

  it("tells which keys are gone of one that may lose them", async () => {
    await using at = await returning(true);
    await at.comesBackWith([]);
    assert.deepEqual(at.lost, ["k"]);
  });

  it("does not count on a key that was being made anew when the process ended", async () => {
    await using at = await returning(false);
    await assert.rejects(at.keyManager.generateKey("k", "ec-p256"));
    await at.comesBackWith([{ ...good(), fingerprint: "new" }]);
    await at.comesBackWith([]);
  });
});

describe("bindKeyManagerV1(), signing by stream", () => {
  const service: Service = { getPublicKey: () => ({ publicKey: good() }) };
  /** Signs as asked, after doing this with each request. */
  const signing = (look: (request: SignRequest) => unknown): Signer => ({
    sign: async function* (requests) {
      for await (const request of requests) {
        await look(request);
        yield {
          id: request.id,
          signatures: request.messages.map((each) => sign("sha256", each, key)),
          keyFingerprint: "f",
        };
      }
    },
  });

  it("sends what is asked for in one turn in a few messages of 16 to 64, and gives each its own", async () => {
    const sizes: number[] = [];
    await using at = await bound(
      service,
      signing(({ messages }) => sizes.push(messages.length)),
    );
    const managed = await at.keyManager.findKey("k");
    assert.ok(managed);
    for (const [count, expected] of [
      [1, [1]],
      [20, [16, 4]],
      [100, [25, 25, 25, 25]],
      [300, [64, 64, 64, 64, 44]],
    ] as const) {
      sizes.length = 0;
      const messages = Array.from({ length: count }, (_, index) => Buffer.from(`message ${index}`));
      const signatures: readonly Buffer[] = await Promise.all(
        messages.map((each) => managed.sign(each, "SHA256")),
      );
      for (const [index, signature] of signatures.entries())
        assert.ok(verify("sha256", messages[index] ?? message, PublicKey.of(key).keyObject, signature));
      assert.deepEqual(sizes, expected);
    }
  });

  it("keeps keys and hashes apart", async () => {
    const asked: unknown[] = [];
    await using at = await bound(
      { getPublicKey: ({ keyId }) => ({ publicKey: { ...good(), id: keyId } }) },
      signing(({ keyId, hash, messages }) => asked.push([keyId, hash, messages.map(String)])),
    );
    const [a, b] = [await at.keyManager.findKey("a"), await at.keyManager.findKey("b")];
    assert.ok(a && b);
    await Promise.all([
      a.sign(Buffer.from("1"), "SHA256"),
      b.sign(Buffer.from("2"), "SHA256"),
      a.sign(Buffer.from("3"), "SHA384"),
      a.sign(Buffer.from("4"), "SHA256"),
      a.sign(Buffer.from("5"), "SHA512"),
    ]);
    assert.deepEqual(asked, [
      ["a", SignerHash.HASH_SHA256, ["1", "4"]],
      ["b", SignerHash.HASH_SHA256, ["2"]],
      ["a", SignerHash.HASH_SHA384, ["3"]],
      ["a", SignerHash.HASH_SHA512, ["5"]],
    ]);
  });

  it("fails what was on a stream that is lost, and opens another", async () => {
    let lives = 0;
    await using at = await bound(service, {
      sign: async function* (requests) {
        lives++;
        for await (const { id, messages } of requests) {
          if (lives === 1) throw new StatusError(Code.Unavailable, "AWAY", "the HSM is away");
          yield { id, signatures: messages.map(() => Buffer.of(1)), keyFingerprint: "f" };
        }
      },
    });
    const managed = await at.keyManager.findKey("k");
    assert.ok(managed);
    const lost = await Promise.allSettled([managed.sign(message, "SHA256"), managed.sign(message, "SHA384")]);
    for (const outcome of lost) {
      assert.ok(outcome.status === "rejected");
      const { code, message: sentence } = StatusError.from(outcome.reason);
      assert.deepEqual([code, sentence], [Code.Unavailable, "keymanager(test): the HSM is away"]);
    }
    assert.deepEqual(await managed.sign(message, "SHA256"), Buffer.of(1));
    assert.equal(lives, 2);
  });

  it("asks again for what was on its way when the plugin's process ended, three times at most", async () => {
    for (const ends of [1, 2, 3]) {
      let streams = 0;
      const ended = new StatusError(Code.Unavailable, "PLUGIN_EXITED", "plugin ended while it was asked");
      const open = () => {
        streams++;
        const asked: { readonly id: number; readonly messages: readonly Buffer[] }[] = [];
        const arrived = Promise.withResolvers<void>();
        return {
          send: async (request: (typeof asked)[number]) => {
            asked.push(request);
            arrived.resolve();
          },
          cancel: () => {},
          [Symbol.asyncIterator]: async function* () {
            await arrived.promise;
            if (streams <= ends) throw ended;
            for (const { id, messages } of asked)
              yield {
                id,
                signatures: messages.map(() => Buffer.of(1)),
                keyFingerprint: "f",
                error: undefined,
              };
            await new Promise(() => {});
          },
        };
      };
      const client = (() => ({
        sign: open,
        getPublicKey: async () => ({ publicKey: good() }),
      })) as unknown as ClientOf;
      const services = new Set([SignerDefinition.fullName]);
      using keyManager = bindKeyManagerV1({ name: "test", services, client });
      const managed = await keyManager.findKey("k");
      assert.ok(managed);
      const signature = managed.sign(message, "SHA256");
      if (ends < 3) assert.deepEqual(await signature, Buffer.of(1));
      else await assert.rejects(signature, { code: Code.Unavailable, reason: "PLUGIN_EXITED" });
      assert.equal(streams, Math.min(ends + 1, 3));
    }
  });

  it("fails what was on a stream that ends", async () => {
    await using at = await bound(service, {
      sign: async function* (requests) {
        for await (const _ of requests) return;
      },
    });
    const managed = await at.keyManager.findKey("k");
    await assert.rejects(async () => managed?.sign(message, "SHA256"), {
      code: Code.Unavailable,
      message: "keymanager(test): the plugin closed its Signer stream",
    });
  });

  const answers: readonly [title: string, answer: (id: number) => object, code: Code, why: string][] = [
    [
      "fewer signatures than messages",
      (id) => ({ id, signatures: [Buffer.of(1)], keyFingerprint: "f" }),
      Code.Internal,
      "plugin returned 1 signatures for 2 messages",
    ],
    [
      "an answer to nothing",
      (id) => ({ id: id + 7, signatures: [Buffer.of(1), Buffer.of(1)], keyFingerprint: "f" }),
      Code.Internal,
      "plugin answered request 8, which is not open",
    ],
    [
      "signatures by another key",
      (id) => ({ id, signatures: [Buffer.of(1), Buffer.of(1)], keyFingerprint: "g" }),
      Code.Internal,
      'fingerprint "f" on key "k" does not match "g"',
    ],
    [
      "a failure of its own",
      (id) => ({ id, error: { code: Code.NotFound, message: 'key "k" not found' } }),
      Code.NotFound,
      'key "k" not found',
    ],
    [
      "a failure with a code that is none",
      (id) => ({ id, error: { code: 99, message: "?" } }),
      Code.Unknown,
      "?",
    ],
  ];
  for (const [title, answer, code, why] of answers) {
    it(`takes ${title} for a failure of all it is about`, async () => {
      await using at = await bound(service, {
        sign: async function* (requests) {
          for await (const { id } of requests) yield answer(id);
        },
      });
      const managed = await at.keyManager.findKey("k");
      assert.ok(managed);
      const both = [managed.sign(message, "SHA256"), managed.sign(message, "SHA256")];
      for (const outcome of await Promise.allSettled(both)) {
        assert.ok(outcome.status === "rejected");
        const { code: actual, message: sentence } = StatusError.from(outcome.reason);
        assert.deepEqual([actual, sentence], [code, `keymanager(test): ${why}`]);
      }
    });
  }

  it("says why there can be no stream", async () => {
    const busy = new StatusError(Code.ResourceExhausted, "PLUGIN_BUSY", "no more calls are made");
    const loaded = await loadPlugin(
      definePlugin({
        type: KeyManager,
        name: "test",
        extensions: [SignerDefinition],
        open: () => ({
          service: { getPublicKeys: () => ({ publicKeys: [good()] }) },
          extensions: [extend(SignerDefinition, {})],
        }),
      }),
    );
    await using _ = loaded;
    const client = ((definition) =>
      definition.fullName === SignerDefinition.fullName
        ? {
            sign: () => {
              throw busy;
            },
          }
        : loaded.client(definition)) as ClientOf;
    using keyManager = bindKeyManagerV1({ ...loaded, client });
    const [found] = await keyManager.getKeys();
    await assert.rejects(found?.sign(message, "SHA256") ?? Promise.resolve(), {
      code: Code.ResourceExhausted,
      message: "keymanager(test): no more calls are made",
    });
  });

  it("signs nothing once it is closed, not even what was asked for just before", async () => {
    let asked = 0;
    const at = await bound(
      service,
      signing(() => asked++),
    );
    const managed = await at.keyManager.findKey("k");
    assert.ok(managed);
    const last = managed.sign(message, "SHA256");
    at.keyManager[Symbol.dispose]();
    for (const outcome of await Promise.allSettled([last, managed.sign(message, "SHA256")])) {
      assert.ok(outcome.status === "rejected");
      assert.equal(StatusError.from(outcome.reason).message, "keymanager(test): the key manager is closed");
    }
    // Another call on the same connection comes after all that was sent.
    await at.keyManager.findKey("k");
    assert.equal(asked, 0);
    await at[Symbol.asyncDispose]();
  });
});
