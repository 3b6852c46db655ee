// @peculiar/x509 needs it, and first.
import "reflect-metadata";
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { signerOf, type TestCa, testCa } from "../testing/test-ca.ts";
import { Certificate } from "./certificate.ts";
import { createCertificate } from "./certificate-writer.ts";
import { contextTag } from "./der.ts";
import { bitString, boolean, element, octetString, oid, sequence, smallInteger, time } from "./der-writer.ts";
import { encodeName } from "./distinguished-name.ts";
import { generatePrivateKey } from "./key-pair.ts";
import { parsePem, toPem } from "./pem.ts";
import { PublicKey } from "./public-key.ts";
import {
  basicConstraintsExtension,
  ExtensionOid,
  encodeExtension,
  type X509Extension,
} from "./x509-extension.ts";

const folder = mkdtempSync(join(tmpdir(), "certificate-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const openssl = (...args: string[]): string =>
  execFileSync("openssl", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

const clock = new FakeClock();
let ca: TestCa;
before(async () => {
  ca = await testCa({ clock });
});

describe("createCertificate()", () => {
  it("writes what openssl reads as we mean it", async () => {
    const { chainPem } = await ca.x509Svid("/db", { dnsNames: ["db.example.org"] });
    const text = openssl("x509", "-in", file("leaf.pem", chainPem), "-noout", "-text");
    for (const line of [
      "Version: 3 (0x2)",
      "Signature Algorithm: ecdsa-with-SHA256",
      "Issuer: C = US, O = SPIFFE, CN = test CA",
      "Not Before: Dec 31 23:59:50 2025 GMT",
      "Not After : Jan  1 01:00:00 2026 GMT",
      "Subject: C = US, O = SPIRE",
      "X509v3 Key Usage: critical",
      "Digital Signature, Key Encipherment, Key Agreement",
      "TLS Web Server Authentication, TLS Web Client Authentication",
      "X509v3 Basic Constraints: critical",
      "CA:FALSE",
      "DNS:db.example.org, URI:spiffe://example.org/db",
    ])
      assert.ok(text.replaceAll(/(?<=[A-Z])=(?=\w)/g, " = ").includes(line), `${line} is not in ${text}`);
  });

  it("writes what openssl verifies, with every kind of key", async () => {
    for (const keyType of ["ec-p256", "ec-p384", "rsa-2048", "rsa-4096"] as const) {
      const root = await testCa({ keyType });
      const below = await root.intermediate("below", { keyType: "ec-p384" });
      const svid = await below.x509Svid("/db");
      const [leaf, ...above] = svid.chainDer.map((der) => toPem("CERTIFICATE", der));
      const args = [
        "-CAfile",
        file("root.pem", root.rootPem),
        "-untrusted",
        file("above.pem", above.join("")),
      ];
      const answer = openssl("verify", "-x509_strict", ...args, file("leaf.pem", leaf ?? ""));
      assert.match(answer, /leaf\.pem: OK/);
    }
  });

  it("writes what @peculiar/x509 and Node read", async () => {
    const { chainDer, privateKey } = await ca.x509Svid("/db");
    const [der = Buffer.alloc(0)] = chainDer;
    const theirs = new x509.X509Certificate(der);
    const names = theirs.getExtension(x509.SubjectAlternativeNameExtension)?.names.items;
    assert.deepEqual(
      names?.map(({ type, value }) => [type, value]),
      [["url", "spiffe://example.org/db"]],
    );
    const publicKey = await new x509.X509Certificate(ca.rootDer).publicKey.export(webcrypto as never);
    assert.ok(await theirs.verify({ publicKey, signatureOnly: true }, webcrypto as never));
    const nodes = new X509Certificate(der);
    assert.ok(nodes.verify(ca.root.publicKey.keyObject) && nodes.checkPrivateKey(privateKey));
    assert.equal(nodes.ca, false);
  });

  it("writes times on both sides of 2050, and serial numbers of any size", async () => {
    const key = await generatePrivateKey("ec-p256");
    for (const serial of ["01", "7f", "80", `ff${"00".repeat(19)}`, "0000ff"]) {
      const der = await createCertificate(
        {
          serialNumber: Buffer.from(serial, "hex"),
          issuerDer: encodeName({}),
          subjectDer: encodeName({}),
          notBefore: new Date("2049-12-31T23:59:59Z"),
          notAfter: new Date("9999-12-31T23:59:59Z"),
          pkixDer: PublicKey.of(key).pkixDer,
          extensions: [],
        },
        signerOf(key),
      );
      const certificate = Certificate.parse(der);
      assert.equal(certificate.serialNumber, BigInt(`0x${serial}`));
      assert.deepEqual(certificate.notBefore, new Date("2049-12-31T23:59:59Z"));
      assert.deepEqual(certificate.notAfter, new Date("9999-12-31T23:59:59Z"));
      assert.equal(BigInt(`0x${new X509Certificate(der).serialNumber}`), certificate.serialNumber);
    }
  });
});

describe("Certificate.parse()", () => {
  it("reads what createCertificate() writes", () => {
    const root = ca.root;
    assert.ok(root.isSignedBy(root.publicKey));
    assert.deepEqual(root.subject, { country: ["US"], organization: ["SPIFFE"], commonName: "test CA" });
    assert.deepEqual(root.issuer, root.subject);
    assert.deepEqual([root.isCa, root.pathLength], [true, undefined]);
    assert.deepEqual([...(root.keyUsage ?? [])], ["keyCertSign", "cRLSign"]);
    assert.deepEqual(root.subjectKeyId, root.publicKey.subjectKeyId);
    assert.deepEqual(root.authorityKeyId, root.publicKey.subjectKeyId);
    assert.deepEqual(root.subjectAltName.uris, ["spiffe://example.org"]);
    assert.equal(root.unhandledCriticalExtension, undefined);
    assert.ok(root.der.equals(ca.rootDer));
  });

  it("reads what openssl writes", () => {
    const config = file(
      "openssl.cnf",
      `[req]
distinguished_name = dn
x509_extensions = v3
prompt = no
[dn]
C = US
O = Müller
CN = openssl
[v3]
basicConstraints = critical,CA:TRUE,pathlen:3
keyUsage = critical,keyCertSign,digitalSignature
extendedKeyUsage = serverAuth,1.2.3.4
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer:always
nameConstraints = critical,permitted;URI:example.org,excluded;DNS:evil.example.org
subjectAltName = URI:spiffe://example.org,DNS:a.example.org,email:me@example.org,IP:10.0.0.1,IP:::1,otherName:1.2.3.4;UTF8:x
`,
    );
    const keys = [
      ["ec", "ec_paramgen_curve:P-256"],
      ["ec", "ec_paramgen_curve:P-521"],
      ["rsa", "rsa_keygen_bits:2048"],
    ] as const;
    for (const [algorithm, option] of keys) {
      const made = ["-newkey", algorithm, "-pkeyopt", option, "-nodes", "-keyout", join(folder, "key.pem")];
      const pem = openssl("req", "-x509", "-sha512", "-utf8", "-config", config, "-days", "2", ...made);
      const certificate = Certificate.parse(parsePem(pem)[0]?.der ?? Buffer.alloc(0));
      assert.ok(certificate.isSignedBy(certificate.publicKey));
      assert.deepEqual(certificate.subject, {
        country: ["US"],
        organization: ["Müller"],
        commonName: "openssl",
      });
      assert.deepEqual([certificate.isCa, certificate.pathLength], [true, 3]);
      assert.deepEqual([...(certificate.keyUsage ?? [])], ["digitalSignature", "keyCertSign"]);
      assert.deepEqual(certificate.extendedKeyUsage, ["1.3.6.1.5.5.7.3.1", "1.2.3.4"]);
      assert.deepEqual(certificate.subjectKeyId, certificate.publicKey.subjectKeyId);
      assert.deepEqual(certificate.authorityKeyId, certificate.subjectKeyId);
      assert.deepEqual(certificate.subjectAltName, {
        uris: ["spiffe://example.org"],
        dnsNames: ["a.example.org"],
        emails: ["me@example.org"],
        ipAddresses: [Buffer.of(10, 0, 0, 1), Buffer.concat([Buffer.alloc(15), Buffer.of(1)])],
      });
      assert.deepEqual(certificate.nameConstraints?.permitted.uris, ["example.org"]);
      assert.deepEqual(certificate.nameConstraints?.excluded.dnsNames, ["evil.example.org"]);
      assert.equal(certificate.unhandledCriticalExtension, undefined);
      assert.equal(certificate.notAfter.getTime() - certificate.notBefore.getTime(), 2 * 24 * 3600 * 1000);
    }
  });

  it("reads what @peculiar/x509 writes", async () => {
    const algorithm = { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" };
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const theirs = await x509.X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: "00ff",
        name: "CN=peculiar, O=SPIRE",
        notBefore: new Date("2026-01-01T00:00:00Z"),
        notAfter: new Date("2056-01-01T00:00:00Z"),
        signingAlgorithm: algorithm,
        keys: keys as never,
        extensions: [
          new x509.BasicConstraintsExtension(true, 0, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
          new x509.SubjectAlternativeNameExtension([{ type: "url", value: "spiffe://example.org" }]),
        ],
      },
      webcrypto as never,
    );
    const certificate = Certificate.parse(Buffer.from(theirs.rawData));
    assert.ok(certificate.isSignedBy(certificate.publicKey));
    assert.equal(certificate.serialNumber, 255n);
    assert.deepEqual(certificate.subject, { commonName: "peculiar", organization: ["SPIRE"] });
    assert.deepEqual([certificate.isCa, certificate.pathLength], [true, 0]);
    assert.deepEqual(certificate.notAfter, new Date("2056-01-01T00:00:00Z"));
    assert.equal(certificate.publicKey.type, "ec-p384");
  });

  it("knows the critical extensions that nothing obeys", async () => {
    const key = PublicKey.of(ca.privateKey);
    const strange: X509Extension = { oid: "1.2.3.4", critical: true, value: Buffer.of(5, 0) };
    const found = async (extension: X509Extension): Promise<string | undefined> =>
      Certificate.parse(await ca.certify(key, { extensions: [extension] })).unhandledCriticalExtension?.oid;
    assert.equal(await found(strange), "1.2.3.4");
    assert.equal(await found({ ...strange, critical: false }), undefined);
    // A constraint of directory names.
    const directory = sequence(
      element(contextTag(0), sequence(element(contextTag(4), encodeName({ commonName: "x" })))),
    );
    assert.equal(
      await found({ oid: ExtensionOid.NameConstraints, critical: true, value: directory }),
      ExtensionOid.NameConstraints,
    );
  });

  const ecdsaSha256 = sequence(oid("1.2.840.10045.4.3.2"));
  interface Parts {
    readonly version?: Buffer;
    readonly serial?: Buffer;
    readonly algorithm?: Buffer;
    readonly outerAlgorithm?: Buffer;
    readonly validity?: Buffer;
    readonly extensions?: Buffer;
    readonly signature?: Buffer;
    readonly more?: Buffer;
    readonly tail?: Buffer;
  }
  const nothing = Buffer.alloc(0);
  const certificateOf = (parts: Parts): Buffer => {
    const from = time(new Date("2026-01-01T00:00:00Z"));
    const tbs = sequence(
      parts.version ?? element(contextTag(0), smallInteger(2)),
      parts.serial ?? smallInteger(1),
      parts.algorithm ?? ecdsaSha256,
      encodeName({}),
      parts.validity ?? sequence(from, from),
      encodeName({}),
      ca.root.pkixDer,
      parts.extensions === undefined ? nothing : element(contextTag(3), sequence(parts.extensions)),
      parts.more ?? nothing,
    );
    const signature = parts.signature ?? bitString(Buffer.of(1));
    return Buffer.concat([
      sequence(tbs, parts.outerAlgorithm ?? parts.algorithm ?? ecdsaSha256, signature, parts.tail ?? nothing),
    ]);
  };
  const withExtension = (dotted: string, value: Buffer): Parts => ({
    extensions: encodeExtension({ oid: dotted, critical: false, value }),
  });
  const ski = encodeExtension({
    oid: ExtensionOid.SubjectKeyIdentifier,
    critical: false,
    value: octetString(Buffer.of(1)),
  });
  const cases: [string, Parts, string][] = [
    [
      "version 4",
      { version: element(contextTag(0), smallInteger(3)) },
      "a certificate of no version there is",
    ],
    [
      "version 1 said aloud, which DER leaves out",
      { version: element(contextTag(0), smallInteger(0)) },
      "a certificate of no version there is",
    ],
    [
      "version 1 with extensions",
      { version: nothing, extensions: encodeExtension(basicConstraintsExtension(true)) },
      "something follows where nothing may",
    ],
    [
      "version 2 with extensions",
      {
        version: element(contextTag(0), smallInteger(1)),
        extensions: encodeExtension(basicConstraintsExtension(true)),
      },
      "something follows where nothing may",
    ],
    ["a negative serial number", { serial: element(2, Buffer.of(0x80)) }, "a negative serial number"],
    [
      "a serial number with a needless zero",
      { serial: element(2, Buffer.of(0, 1)) },
      "an integer that is not the shortest",
    ],
    [
      "two signature algorithms",
      { outerAlgorithm: sequence(oid("1.2.840.10045.4.3.3")) },
      "two different signature algorithms in one certificate",
    ],
    ["an algorithm without identifier", { algorithm: sequence() }, "it ends too soon"],
    [
      "an algorithm of too many parts",
      { algorithm: sequence(oid("1.2.3"), smallInteger(1), smallInteger(1)) },
      "something follows where nothing may",
    ],
    [
      "a validity of three times",
      { validity: sequence(time(new Date(0)), time(new Date(0)), time(new Date(0))) },
      "something follows where nothing may",
    ],
    [
      "a signature of half octets",
      { signature: element(3, Buffer.of(4, 0xf0)) },
      "a bit string that is not whole octets",
    ],
    [
      "the same extension twice",
      { extensions: Buffer.concat([ski, ski]) },
      "the extension 2.5.29.14 stands twice",
    ],
    [
      "more extensions than any certificate has",
      {
        extensions: Buffer.concat(
          Array.from({ length: 101 }, (_, index) =>
            encodeExtension({ oid: `1.2.3.${index}`, critical: false, value: nothing }),
          ),
        ),
      },
      "more than 100 extensions",
    ],
    ["something behind the extensions", { more: smallInteger(1) }, "something follows where nothing may"],
    ["something behind the signature", { tail: smallInteger(1) }, "something follows where nothing may"],
    [
      "a negative path length",
      withExtension(ExtensionOid.BasicConstraints, sequence(boolean(true), element(2, Buffer.of(0xff)))),
      "a negative path length",
    ],
    [
      "an empty path length",
      withExtension(ExtensionOid.BasicConstraints, sequence(boolean(true), element(2))),
      "an empty integer",
    ],
    [
      "a boolean of BER",
      withExtension(ExtensionOid.BasicConstraints, sequence(element(1, Buffer.of(1)))),
      "a boolean that is neither",
    ],
    [
      "an IP address of five octets",
      withExtension(ExtensionOid.SubjectAltName, sequence(element(0x87, Buffer.alloc(5)))),
      "an IP address of neither 4 nor 16 octets",
    ],
    [
      "a URI that is not ASCII",
      withExtension(ExtensionOid.SubjectAltName, sequence(element(0x86, Buffer.from("spiffe://ä")))),
      "a name that is not ASCII",
    ],
    [
      "bytes behind the SAN",
      withExtension(ExtensionOid.SubjectAltName, Buffer.concat([sequence(), Buffer.of(0)])),
      "something follows where nothing may",
    ],
    [
      "a key usage that is no bit string",
      withExtension(ExtensionOid.KeyUsage, octetString(Buffer.of(1))),
      "a malformed bit string",
    ],
    [
      "a key identifier that is none",
      withExtension(ExtensionOid.SubjectKeyIdentifier, sequence()),
      "a malformed subject key identifier",
    ],
  ];
  for (const [title, parts, message] of cases) {
    it(`refuses ${title}`, () => {
      assert.throws(() => Certificate.parse(certificateOf(parts)), {
        code: 3,
        reason: "CERTIFICATE_MALFORMED",
        message: `malformed certificate: ${message}`,
      });
    });
  }

  it("takes the certificate that those cases differ from, and a signature algorithm it does not verify", () => {
    assert.equal(Certificate.parse(certificateOf({})).signatureAlgorithm?.name, "ecdsa");
    const sha1 = Certificate.parse(
      certificateOf({ algorithm: sequence(oid("1.2.840.113549.1.1.5"), element(5)) }),
    );
    assert.equal(sha1.signatureAlgorithm, undefined);
    assert.equal(sha1.isSignedBy(ca.root.publicKey), false);
  });

  it("refuses trailing bytes, and a length longer than need be", () => {
    for (const der of [Buffer.concat([ca.rootDer, Buffer.of(0)]), ca.rootDer.subarray(0, -1), nothing])
      assert.throws(() => Certificate.parse(der), { reason: "CERTIFICATE_MALFORMED" });
    const padded = Buffer.concat([Buffer.of(0x30, 0x83, 0x00), ca.rootDer.subarray(2)]);
    assert.throws(() => Certificate.parse(padded), {
      message: "malformed certificate: a length that is not the shortest",
    });
  });

  it("takes or refuses any bytes, and a changed certificate is never taken as signed", () => {
    const check = (der: Buffer): void => {
      try {
        const certificate = Certificate.parse(der);
        if (certificate.isSignedBy(ca.root.publicKey)) assert.ok(certificate.tbsDer.equals(ca.root.tbsDer));
        void [certificate.subject, certificate.issuer, certificate.publicKey];
      } catch (error) {
        assert.ok(error instanceof StatusError, String(error));
      }
    };
    const place = fc.nat(ca.rootDer.length - 1);
    fc.assert(
      fc.property(fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 3 }), (changes) => {
        const der = Buffer.from(ca.rootDer);
        for (const [index, octet] of changes) der[index] = octet;
        check(der);
      }),
      { numRuns: 1000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => check(Buffer.from(bytes))));
    fc.assert(fc.property(place, (length) => check(ca.rootDer.subarray(0, length))));
  });
});
