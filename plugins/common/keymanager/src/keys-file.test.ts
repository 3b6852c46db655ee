import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { StatusError } from "@finial/sdk";
import { parsePem } from "@finial/sdk/crypto";
import fc from "fast-check";
import { KeyRing } from "./key-ring.ts";
import { loadKeysFile, saveKeysFile } from "./keys-file.ts";

async function file(): Promise<{ readonly path: string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "keys-"));
  return { path: join(folder, "keys.json"), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

describe("loadKeysFile()", () => {
  it("reads what saveKeysFile() writes, whatever the ids", async () => {
    await using keys = await file();
    assert.deepEqual(await loadKeysFile(keys.path), []);
    const ring = new KeyRing([], (entries) => saveKeysFile(keys.path, entries));
    for (const id of ["x509-CA-A", "__proto__", "10", "9", 'quo"te\n', "ключ"])
      await ring.generate(id, "ec-p256");
    await ring.generate("10", "rsa-2048");
    const prints = (entries: readonly { id: string; type: string; fingerprint: string }[]) =>
      entries.map(({ id, type, fingerprint }) => [id, type, fingerprint]).sort();
    assert.deepEqual(prints(await loadKeysFile(keys.path)), prints(ring.all()));
    assert.match(await readFile(keys.path, "utf8"), /^\{\n\t"keys": \{\n\t\t"/);
  });

  it("reads PKCS#8 of openssl's, and no key of another kind", async () => {
    await using keys = await file();
    const load = async (...options: string[]): Promise<unknown> => {
      const pem = execFileSync("openssl", ["genpkey", "-algorithm", ...options], {
        encoding: "utf8",
        stdio: "pipe",
      });
      const pkcs8 = parsePem(pem)[0]?.der.toString("base64");
      await writeFile(keys.path, JSON.stringify({ keys: { a: pkcs8 } }));
      return await loadKeysFile(keys.path).then(
        ([entry]) => entry?.type,
        (error: StatusError) => error.message.slice(error.message.indexOf("it is none")),
      );
    };
    const none = "it is none of ec-p256, ec-p384, rsa-2048 and rsa-4096";
    assert.equal(await load("EC", "-pkeyopt", "ec_paramgen_curve:P-384"), "ec-p384");
    assert.equal(await load("RSA", "-pkeyopt", "rsa_keygen_bits:2048"), "rsa-2048");
    assert.equal(await load("RSA", "-pkeyopt", "rsa_keygen_bits:3072"), none);
    assert.equal(await load("EC", "-pkeyopt", "ec_paramgen_curve:P-521"), none);
    assert.equal(await load("ED25519"), none);
  });

  it("takes or refuses any text, and never quotes it", async () => {
    await using keys = await file();
    const secret = "c2VjcmV0c2VjcmV0";
    const value = fc.oneof(fc.jsonValue(), fc.constant(secret));
    const text = fc.oneof(
      fc.string().map((tail) => `${secret}${tail}`),
      fc
        .record({ keys: fc.oneof(value, fc.dictionary(fc.string(), value)) })
        .map((data) => JSON.stringify(data)),
      fc.jsonValue().map((data) => JSON.stringify(data)),
    );
    await fc.assert(
      fc.asyncProperty(text, async (text) => {
        await writeFile(keys.path, text);
        try {
          await loadKeysFile(keys.path);
        } catch (error) {
          assert.ok(error instanceof StatusError, String(error));
          assert.deepEqual([error.code, error.reason], [13, "KEYS_FILE"]);
          assert.ok(!error.message.includes(secret));
        }
      }),
    );
  });
});
