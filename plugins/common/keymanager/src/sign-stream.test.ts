import assert from "node:assert/strict";
import { verify } from "node:crypto";
import { describe, it } from "node:test";
import { SignerHash } from "@finial/sdk/server";
import { KeyRing } from "./key-ring.ts";
import { signStream } from "./sign-stream.ts";

const { HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_UNSPECIFIED } = SignerHash;

describe("signStream()", () => {
  it("answers in order, however long each takes, and says of each what is wrong with it alone", async () => {
    const keys = new KeyRing();
    const rsa = await keys.generate("slow", "rsa-4096");
    const ec = await keys.generate("fast", "ec-p256");
    const messages = ["one", "two"].map((text) => Buffer.from(text));
    const request = (id: number, keyId: string, hash: SignerHash, sent = messages) => ({
      id,
      keyId,
      hash,
      messages: sent,
    });
    async function* requests() {
      yield request(7, "slow", HASH_SHA512);
      yield request(7, "none", HASH_SHA256);
      yield request(3, "fast", HASH_SHA384);
      yield request(0, "fast", HASH_UNSPECIFIED);
      yield request(1, "fast", 99 as SignerHash);
      yield request(
        2,
        "fast",
        HASH_SHA256,
        Array.from({ length: 65 }, () => Buffer.alloc(1)),
      );
      yield request(4, "fast", HASH_SHA256, []);
      yield request(5, "", HASH_SHA256);
    }
    const responses = await Array.fromAsync(signStream(() => keys, requests()));
    const [slow, missing, fast, ...rest] = responses;
    for (const [response, { fingerprint, publicKey }, hash] of [
      [slow, rsa, "sha512"],
      [fast, ec, "sha384"],
    ] as const) {
      assert.equal(response?.keyFingerprint, fingerprint);
      assert.equal(response?.signatures?.length, 2);
      for (const [index, message] of messages.entries())
        assert.ok(
          verify(hash, message, publicKey.keyObject, response?.signatures?.[index] ?? Buffer.alloc(0)),
        );
    }
    assert.deepEqual([slow?.id, fast?.id], [7, 3]);
    assert.deepEqual(missing, { id: 7, error: { code: 5, message: 'no such key "none"' } });
    assert.deepEqual(rest, [
      { id: 0, error: { code: 3, message: "hash is required" } },
      { id: 1, error: { code: 3, message: "hash is required" } },
      { id: 2, error: { code: 3, message: "at most 64 messages a request" } },
      { id: 4, signatures: [], keyFingerprint: ec.fingerprint },
      { id: 5, error: { code: 5, message: 'no such key ""' } },
    ]);
  });

  it("signs with the key that has the id when the request comes", async () => {
    const keys = new KeyRing();
    const prints: (string | undefined)[] = [];
    async function* requests() {
      for (let index = 0; index < 2; index++) {
        prints.push((await keys.generate("a", "ec-p256")).fingerprint);
        yield { id: index, keyId: "a", hash: HASH_SHA256, messages: [Buffer.alloc(1)] };
      }
    }
    const answers = await Array.fromAsync(signStream(() => keys, requests()));
    assert.deepEqual(
      answers.map(({ keyFingerprint }) => keyFingerprint),
      prints,
    );
  });
});
