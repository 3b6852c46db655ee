// @peculiar/x509 needs it, and first.
import "reflect-metadata";
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import {
  basicConstraintsExtension,
  CertificateRequest,
  generatePrivateKey,
  keyUsageExtension,
} from "@finial/sdk/crypto";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { FakeClock } from "@finial/sdk/testing";
import * as x509 from "@peculiar/x509";
import type { CredentialComposer, X509CaAttributes } from "../facade/credentialcomposer.ts";
import { managedKey } from "../facade/fake-keymanager.ts";
import type { KeyType } from "../facade/keymanager.ts";
import { fakeSurroundings } from "./fake-authorities.ts";
import { requestX509Ca, selfSignX509Ca } from "./x509-ca-certificate.ts";

const now = new Date("2026-01-01T00:00:00.500Z");
const trustDomain = parseTrustDomain("example.org");

async function site(
  options: {
    readonly keyType?: KeyType;
    readonly serialNumber?: string;
    /** Each is given what the one before made. */
    readonly compose?: readonly ((attributes: X509CaAttributes) => Partial<X509CaAttributes>)[];
  } = {},
) {
  const unchanged = async <T>(attributes: T): Promise<T> => attributes;
  const composers = (options.compose ?? []).map(
    (change): CredentialComposer => ({
      name: "test",
      composeServerX509Ca: async (attributes) => ({ ...attributes, ...change(attributes) }),
      composeServerX509Svid: unchanged,
      composeAgentX509Svid: unchanged,
      composeWorkloadX509Svid: unchanged,
      composeWorkloadJwtSvid: unchanged,
    }),
  );
  const { keyType = "ec-p256", serialNumber } = options;
  const caSubject = { country: ["US"], organization: ["Acme"], ...(serialNumber && { serialNumber }) };
  const clock = new FakeClock(now);
  return {
    key: managedKey("x509-CA-A", await generatePrivateKey(keyType)),
    surroundings: fakeSurroundings({ trustDomain }, clock, { settings: { caSubject }, composers }),
  };
}

describe("selfSignX509Ca()", () => {
  for (const keyType of ["ec-p256", "ec-p384", "rsa-2048"] as const) {
    it(`makes a root by the profile, as @peculiar/x509 reads it, with an ${keyType} key`, async () => {
      const { key, surroundings } = await site({ keyType });
      const root = await selfSignX509Ca(key, surroundings);
      const read = new x509.X509Certificate(root.der);
      const names = read.getExtension(x509.SubjectAlternativeNameExtension);
      const usages = read.getExtension(x509.KeyUsagesExtension);
      const basic = read.getExtension(x509.BasicConstraintsExtension);
      assert.deepEqual(
        {
          names: names?.names.items.map(({ type, value }) => [type, value]),
          usages: [usages?.usages, usages?.critical],
          basic: [basic?.ca, basic?.pathLength, basic?.critical],
          subjectKey: read.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
          types: Array.from(read.extensions, ({ type }) => type),
          notBefore: read.notBefore,
          notAfter: read.notAfter,
        },
        {
          names: [["url", "spiffe://example.org"]],
          usages: [x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true],
          basic: [true, undefined, true],
          subjectKey: key.publicKey.subjectKeyId.toString("hex"),
          types: ["2.5.29.15", "2.5.29.19", "2.5.29.14", "2.5.29.17"],
          notBefore: new Date("2025-12-31T23:59:50Z"),
          notAfter: new Date("2026-01-02T00:00:00Z"),
        },
      );
      assert.ok(await read.verify({ date: now }, webcrypto as Crypto));
      assert.ok(root.issuerDer.equals(root.subjectDer));
      // The serial number in the subject tells the CAs of one trust domain apart.
      assert.deepEqual(root.subject, {
        country: ["US"],
        organization: ["Acme"],
        serialNumber: root.serialNumber.toString(),
      });
    });
  }

  it("keeps the serial number of a configured subject", async () => {
    const { key, surroundings } = await site({ serialNumber: "7" });
    assert.equal((await selfSignX509Ca(key, surroundings)).subject.serialNumber, "7");
  });

  it("lets composers change subject, policies and extensions, one after the other", async () => {
    const extra = { oid: "1.2.3.4", critical: false, value: Buffer.of(5, 0) };
    const { key, surroundings } = await site({
      compose: [
        () => ({ subject: { commonName: "first" }, policyIdentifiers: ["1.2.3.5"] }),
        ({ subject, policyIdentifiers }) => ({
          subject: { ...subject, organization: ["second"] },
          policyIdentifiers: [...policyIdentifiers, "1.2.3.6"],
          extraExtensions: [extra],
        }),
      ],
    });
    const root = await selfSignX509Ca(key, surroundings);
    assert.deepEqual(root.subject, { organization: ["second"], commonName: "first" });
    const policies = new x509.X509Certificate(root.der).getExtension(x509.CertificatePolicyExtension);
    assert.deepEqual([...(policies?.policies ?? [])], ["1.2.3.5", "1.2.3.6"]);
    assert.deepEqual(root.extensions.at(-1), extra);
  });

  const forbidden = [
    [basicConstraintsExtension(false), "invalid X509 CA: cA constraint is not set"],
    [
      keyUsageExtension(["keyCertSign", "keyAgreement"]),
      "invalid X509 CA: only keyCertSign, cRLSign, or digitalSignature key usage can be set",
    ],
  ] as const;
  for (const [extension, message] of forbidden) {
    it(`does not let a composer make of it what is none: ${message}`, async () => {
      const { key, surroundings } = await site({ compose: [() => ({ extraExtensions: [extension] })] });
      await assert.rejects(
        selfSignX509Ca(key, surroundings),
        new StatusError(Code.Internal, "X509_CA_INVALID", message),
      );
    });
  }

  it("never makes the same twice", async () => {
    const { key, surroundings } = await site();
    const roots = await Promise.all(Array.from({ length: 20 }, () => selfSignX509Ca(key, surroundings)));
    assert.equal(new Set(roots.map(({ serialNumber }) => serialNumber)).size, 20);
    assert.ok(roots.every((root) => root.isSignedBy(key.publicKey)));
  });

  it("passes on what the key manager says", async () => {
    const { key, surroundings } = await site();
    const away = new StatusError(Code.Unavailable, "AWAY", "keymanager(fake): away");
    const broken = { ...key, sign: () => Promise.reject(away) };
    await assert.rejects(selfSignX509Ca(broken, surroundings), away);
  });
});

describe("requestX509Ca()", () => {
  it("asks for the trust domain, by the subject that composers made, with a proof of the key", async () => {
    const { key, surroundings } = await site({
      compose: [({ subject }) => ({ subject: { ...subject, commonName: "nested" } })],
    });
    const request = CertificateRequest.parse(await requestX509Ca(key, surroundings));
    assert.ok(await request.verify());
    assert.ok(request.publicKey.equals(key.publicKey));
    assert.deepEqual(request.subjectAltName.uris, ["spiffe://example.org"]);
    const { serialNumber, ...subject } = request.subject;
    assert.deepEqual(subject, { country: ["US"], organization: ["Acme"], commonName: "nested" });
    assert.match(serialNumber ?? "", /^\d{30,39}$/);
  });
});
