// @peculiar/x509 needs it, and first.
import "reflect-metadata";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { signerOf } from "../testing/test-ca.ts";
import { CertificateRequest, createCertificateRequest } from "./certificate-request.ts";
import { generatePrivateKey, type KeyPairType } from "./key-pair.ts";
import { parsePem, toPem } from "./pem.ts";
import { PublicKey } from "./public-key.ts";

const folder = mkdtempSync(join(tmpdir(), "request-"));
after(() => rmSync(folder, { recursive: true }));
const openssl = (...args: string[]): string =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const uri = "spiffe://example.org/db";

async function requestOf(type: KeyPairType | "ec-p521"): Promise<Buffer> {
  const key =
    type === "ec-p521"
      ? generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey
      : await generatePrivateKey(type);
  return createCertificateRequest({
    ...signerOf(key),
    subject: { country: ["US"], organization: ["SPIRE"] },
    uris: [uri],
    dnsNames: ["db.example.org"],
  });
}

describe("createCertificateRequest()", () => {
  it("writes what openssl reads and verifies, with every kind of key", async () => {
    for (const type of ["ec-p256", "ec-p384", "ec-p521", "rsa-2048"] as const) {
      const file = join(folder, `${type}.csr`);
      writeFileSync(file, toPem("CERTIFICATE REQUEST", await requestOf(type)));
      // Prints, and fails where the signature is not valid.
      const text = openssl("req", "-in", file, "-verify", "-noout", "-text");
      assert.ok(text.includes(`DNS:db.example.org, URI:${uri}`), text);
    }
  });

  it("writes what @peculiar/x509 reads and verifies", async () => {
    const theirs = new x509.Pkcs10CertificateRequest(await requestOf("ec-p256"));
    assert.equal(theirs.subject, "C=US, O=SPIRE");
    assert.ok(await theirs.verify(webcrypto as never));
  });

  it("refuses a name that is not ASCII, rather than ask for another", async () => {
    const { publicKey, sign } = signerOf(await generatePrivateKey("ec-p256"));
    // Cut to eight bits, the last letter would be an A.
    await assert.rejects(createCertificateRequest({ publicKey, sign, dnsNames: ["b\u0141"] }), {
      code: 3,
      message: "a name that is not ASCII",
    });
  });
});

describe("CertificateRequest.parse()", () => {
  it("reads what createCertificateRequest() writes", async () => {
    for (const type of ["ec-p256", "ec-p384", "ec-p521", "rsa-2048"] as const) {
      const request = CertificateRequest.parse(await requestOf(type));
      assert.deepEqual(request.subject, { country: ["US"], organization: ["SPIRE"] });
      assert.equal(request.publicKey.type, type);
      assert.deepEqual(request.subjectAltName, {
        uris: [uri],
        dnsNames: ["db.example.org"],
        emails: [],
        ipAddresses: [],
      });
      assert.ok(await request.verify());
    }
  });

  it("reads a request that asks for nothing", async () => {
    const request = CertificateRequest.parse(
      await createCertificateRequest(signerOf(await generatePrivateKey("ec-p256"))),
    );
    assert.deepEqual([request.subject, request.extensions], [{}, []]);
    assert.deepEqual(request.subjectAltName, { uris: [], dnsNames: [], emails: [], ipAddresses: [] });
    assert.ok(await request.verify());
  });

  it("reads what openssl and @peculiar/x509 write", async () => {
    const key = [
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-384",
      "-nodes",
      "-keyout",
      join(folder, "key.pem"),
    ];
    const ask = [
      "-subj",
      "/CN=db",
      "-addext",
      `subjectAltName=URI:${uri}`,
      "-addext",
      "keyUsage=digitalSignature",
    ];
    const [block] = parsePem(openssl("req", "-new", ...key, ...ask));
    const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
    const theirs = await x509.Pkcs10CertificateRequestGenerator.create(
      {
        name: "CN=db",
        keys: (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as never,
        signingAlgorithm: algorithm,
        extensions: [new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }])],
        attributes: [new x509.ChallengePasswordAttribute("secret")],
      },
      webcrypto as never,
    );
    for (const der of [block?.der ?? Buffer.alloc(0), Buffer.from(theirs.rawData)]) {
      const request = CertificateRequest.parse(der);
      assert.deepEqual(request.subject, { commonName: "db" });
      assert.deepEqual(request.subjectAltName.uris, [uri]);
      assert.ok(await request.verify());
    }
  });

  it("does not verify what another key has signed", async () => {
    const key = PublicKey.of(await generatePrivateKey("ec-p256"));
    const { sign } = signerOf(await generatePrivateKey("ec-p256"));
    const forged = await createCertificateRequest({ publicKey: key, sign, uris: [uri] });
    assert.equal(await CertificateRequest.parse(forged).verify(), false);
    const rsa = signerOf(await generatePrivateKey("rsa-2048"));
    const mixed = await createCertificateRequest({ publicKey: key, sign: rsa.sign, uris: [uri] });
    assert.equal(await CertificateRequest.parse(mixed).verify(), false);
  });

  it("calls a request malformed whose key is no point of its curve, at the latest when it is verified", async () => {
    for (const type of ["ec-p256", "ec-p384"] as const) {
      const der = await requestOf(type);
      const { pkixDer } = PublicKey.of(await generatePrivateKey(type));
      const point = der.indexOf(pkixDer.subarray(0, 26)) + pkixDer.length - 1;
      der[point] = (der[point] ?? 0) ^ 1;
      await assert.rejects(async () => await CertificateRequest.parse(der).verify(), {
        code: 3,
        reason: "CSR_MALFORMED",
        message: "malformed CSR: malformed public key",
      });
    }
  });

  it("does not verify with a key too short for its hash", async () => {
    const tiny = generateKeyPairSync("rsa", { modulusLength: 512 });
    const der = await createCertificateRequest({
      publicKey: PublicKey.of(tiny.publicKey),
      sign: () => Promise.resolve(Buffer.alloc(64, 1)),
    });
    assert.equal(await CertificateRequest.parse(der).verify(), false);
  });

  it("takes or refuses any bytes, and a changed request never verifies", async () => {
    const der = await requestOf("ec-p256");
    const check = async (bytes: Buffer): Promise<void> => {
      try {
        const request = CertificateRequest.parse(bytes);
        assert.equal(await request.verify(), bytes.equals(der));
      } catch (error) {
        assert.ok(error instanceof StatusError, String(error));
        assert.equal(error.reason, "CSR_MALFORMED");
      }
    };
    const change = fc.tuple(fc.nat(der.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        const bytes = Buffer.from(der);
        for (const [index, octet] of changes) bytes[index] = octet;
        await check(bytes);
      }),
      { numRuns: 500 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), (bytes) => check(Buffer.from(bytes))),
    );
    await check(Buffer.concat([der, Buffer.of(0)]));
  });
});
