// @peculiar/x509 needs it, and first.
import "reflect-metadata";
import assert from "node:assert/strict";
import { type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import {
  basicConstraintsExtension,
  Certificate,
  type DistinguishedName,
  ExtensionOid,
  formatName,
  generatePrivateKey,
  keyUsageExtension,
  PublicKey,
  subjectAltNameExtension,
} from "@finial/sdk/crypto";
import { parseSpiffeId, parseX509Svid, type SpiffeId, verifyX509Svid } from "@finial/sdk/spiffe";
import { FakeClock, type TestCa, testCa } from "@finial/sdk/testing";
import * as x509 from "@peculiar/x509";
import fc from "fast-check";
import type { CredentialComposer, X509SvidAttributes } from "../facade/credentialcomposer.ts";
import type { CredentialSettings } from "./credential-settings.ts";
import { fakeAuthorities, fakeSurroundings } from "./fake-authorities.ts";
import { type IssuedX509, X509SvidIssuer } from "./x509-svid-issuer.ts";

const now = new Date("2026-01-01T00:00:00Z");
const db = parseSpiffeId("spiffe://example.org/db");

let root: TestCa;
let intermediate: TestCa;
let rsaRoot: TestCa;
const keys: Record<string, KeyObject> = {};

before(async () => {
  const clock = new FakeClock(now);
  root = await testCa({ clock });
  intermediate = await root.intermediate("between");
  rsaRoot = await testCa({ clock, keyType: "rsa-2048" });
  for (const type of ["ec-p256", "ec-p384", "rsa-2048"] as const) keys[type] = await generatePrivateKey(type);
});

function publicKey(type = "ec-p256"): PublicKey {
  const key = keys[type];
  assert.ok(key);
  return PublicKey.of(key);
}

async function issuerOf(
  ca: TestCa,
  options: {
    readonly clock?: FakeClock;
    readonly settings?: Partial<CredentialSettings>;
    readonly composers?: readonly CredentialComposer[];
  } = {},
): Promise<X509SvidIssuer> {
  const { clock = new FakeClock(now) } = options;
  return new X509SvidIssuer(await fakeAuthorities(ca, clock), fakeSurroundings(ca, clock, options));
}

/** A composer that changes what workloads, agents and the server get. */
function composer(
  change: (attributes: X509SvidAttributes) => Partial<X509SvidAttributes>,
): CredentialComposer {
  const compose = async (attributes: X509SvidAttributes) => ({ ...attributes, ...change(attributes) });
  return {
    name: "test",
    composeServerX509Ca: async (attributes) => attributes,
    composeServerX509Svid: compose,
    composeAgentX509Svid: compose,
    composeWorkloadX509Svid: compose,
    composeWorkloadJwtSvid: async (claims) => claims,
  };
}

/** What a stranger's library reads of a certificate. */
function readByPeculiar(der: Buffer) {
  const certificate = new x509.X509Certificate(der);
  const names = certificate.getExtension(x509.SubjectAlternativeNameExtension);
  const usages = certificate.getExtension(x509.KeyUsagesExtension);
  const extended = certificate.getExtension(x509.ExtendedKeyUsageExtension);
  const basic = certificate.getExtension(x509.BasicConstraintsExtension);
  const subjectKey = certificate.getExtension(x509.SubjectKeyIdentifierExtension);
  const authorityKey = certificate.getExtension(x509.AuthorityKeyIdentifierExtension);
  return {
    certificate,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    uris: names?.names.items.filter(({ type }) => type === "url").map(({ value }) => value),
    dnsNames: names?.names.items.filter(({ type }) => type === "dns").map(({ value }) => value),
    otherNames: names?.names.items.filter(({ type }) => type !== "url" && type !== "dns").length,
    namesCritical: names?.critical,
    usages: usages?.usages,
    usagesCritical: usages?.critical,
    extended: extended && [...extended.usages],
    isCa: basic?.ca,
    pathLength: basic?.pathLength,
    basicCritical: basic?.critical,
    subjectKey: subjectKey?.keyId,
    authorityKey: authorityKey?.keyId,
    types: Array.from(certificate.extensions, ({ type }) => type),
  };
}

const svidUsages =
  x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment | x509.KeyUsageFlags.keyAgreement;
const svidExtensions = ["2.5.29.15", "2.5.29.37", "2.5.29.19", "2.5.29.14", "2.5.29.35", "2.5.29.17"];

const segment = fc
  .string({ unit: fc.constantFrom(..."abcXYZ019-_."), minLength: 1, maxLength: 12 })
  .filter((text) => text !== "." && text !== ".." && text !== "spire");
const label = fc.string({ unit: fc.constantFrom(..."abcz09"), minLength: 1, maxLength: 10 });
const dnsName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

describe("X509SvidIssuer", () => {
  it("issues to any workload what the profile says, as @peculiar/x509, Node and we ourselves read it", async () => {
    const issuers = [
      [root, await issuerOf(root)],
      [intermediate, await issuerOf(intermediate)],
      [rsaRoot, await issuerOf(rsaRoot)],
    ] as const;
    const workload = fc.record({
      at: fc.constantFrom(0, 1, 2),
      path: fc.array(segment, { minLength: 1, maxLength: 5 }).map((segments) => `/${segments.join("/")}`),
      dnsNames: fc.uniqueArray(dnsName, { maxLength: 4 }),
      ttlSeconds: fc.oneof(fc.constant(0), fc.integer({ min: -10, max: 3 * 24 * 3600 })),
      keyType: fc.constantFrom("ec-p256", "ec-p384", "rsa-2048"),
      subject: fc.option(fc.record({ organization: label.map((name) => [name]), commonName: label }), {
        nil: undefined,
      }),
    });
    await fc.assert(
      fc.asyncProperty(workload, async ({ at, path, dnsNames, ttlSeconds, keyType, subject }) => {
        const [ca, issuer] = issuers[at] ?? issuers[0];
        const id = parseSpiffeId(`spiffe://example.org${path}`);
        const ask = { id, publicKey: publicKey(keyType), dnsNames, ttlMs: ttlSeconds * 1000 };
        const issued = await issuer.issueToWorkload(subject === undefined ? ask : { ...ask, subject });
        const leafDer = issued.chainDer[0] ?? Buffer.alloc(0);
        const seconds = Math.min(ttlSeconds > 0 ? ttlSeconds : 3600, 24 * 3600);
        const signer = ca.chainDer[0] === undefined ? ca.root : Certificate.parse(ca.chainDer[0]);
        const { certificate, ...read } = readByPeculiar(leafDer);
        assert.deepEqual(read, {
          notBefore: new Date(now.getTime() - 10_000),
          notAfter: new Date(now.getTime() + seconds * 1000),
          uris: [id.toString()],
          dnsNames: [...dnsNames],
          otherNames: 0,
          namesCritical: false,
          usages: svidUsages,
          usagesCritical: true,
          extended: [x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth],
          isCa: false,
          pathLength: undefined,
          basicCritical: true,
          subjectKey: publicKey(keyType).subjectKeyId.toString("hex"),
          authorityKey: signer.subjectKeyId?.toString("hex"),
          types: svidExtensions,
        });
        const base: DistinguishedName = subject ?? { country: ["US"], organization: ["SPIRE"] };
        const [commonName] = dnsNames;
        const expected = formatName(commonName === undefined ? base : { ...base, commonName });
        assert.equal(formatName(Certificate.parse(leafDer).subject), expected);
        const issuerCertificate = new x509.X509Certificate(signer.der);
        assert.ok(
          await certificate.verify({ publicKey: issuerCertificate, date: now }, webcrypto as Crypto),
          "its signature does not verify",
        );
        assert.ok(new X509Certificate(leafDer).checkIssued(new X509Certificate(signer.der)));
        parseX509Svid(issued.chainDer);
        const verified = verifyX509Svid({ chainDer: issued.chainDer, anchorsOf: () => [ca.root], now });
        assert.ok(verified.spiffeId.equals(id));
        assert.ok(verified.leaf.publicKey.equals(publicKey(keyType)));
        assert.equal(issued.chainDer.length, 1 + ca.chainDer.length);
      }),
      { numRuns: 40 },
    );
  });

  const recipients: readonly [
    title: string,
    issue: (issuer: X509SvidIssuer) => Promise<IssuedX509>,
    id: SpiffeId,
    seconds: number,
  ][] = [
    [
      "the server itself",
      (issuer) => issuer.issueToServer(publicKey()),
      parseSpiffeId("spiffe://example.org/spire/server"),
      1800,
    ],
    [
      "an agent",
      (issuer) => issuer.issueToAgent(parseSpiffeId("spiffe://example.org/spire/agent/a"), publicKey()),
      parseSpiffeId("spiffe://example.org/spire/agent/a"),
      7200,
    ],
    [
      "a workload",
      (issuer) => issuer.issueToWorkload({ id: db, publicKey: publicKey(), dnsNames: [], ttlMs: 0 }),
      db,
      1800,
    ],
  ];
  const settings = { x509SvidTtlMs: 1_800_000, agentX509SvidTtlMs: 7_200_000 };
  for (const [title, issue, id, seconds] of recipients) {
    it(`issues to ${title} for as long as is configured for it`, async () => {
      const { certificate } = await issue(await issuerOf(root, { settings }));
      assert.deepEqual(
        [certificate.subjectAltName.uris, certificate.notAfter, certificate.subject],
        [
          [id.toString()],
          new Date(now.getTime() + seconds * 1000),
          { country: ["US"], organization: ["SPIRE"] },
        ],
      );
    });

    it(`never issues to ${title} beyond the CA's end`, async () => {
      const clock = new FakeClock(now);
      const ca = await testCa({ clock });
      const issuer = await issuerOf(ca, { clock, settings });
      await clock.advance(24 * 3_600_000 - 60_000);
      const { certificate } = await issue(issuer);
      assert.deepEqual(certificate.notAfter, ca.root.notAfter);
    });

    it(`issues nothing to ${title} when the CA has expired`, async () => {
      const clock = new FakeClock(now);
      const ca = await testCa({ clock });
      const issuer = await issuerOf(ca, { clock, settings });
      await clock.advance(24 * 3_600_000 + 1000);
      await assert.rejects(
        issue(issuer),
        new StatusError(
          Code.Internal,
          "X509_SVID_INVALID",
          `invalid X509-SVID: already expired as of ${ca.root.notAfter.toISOString()}`,
        ),
      );
    });

    it(`lets composers change what ${title} is called, and adds to it`, async () => {
      const extra = { oid: "1.2.3.4", critical: false, value: Buffer.of(5, 0) };
      const composed = composer(({ dnsNames }) => ({
        subject: { organization: ["Acme"] },
        dnsNames: [...dnsNames, "composed.example.org"],
        extraExtensions: [extra],
      }));
      const { certificate } = await issue(await issuerOf(root, { settings, composers: [composed] }));
      assert.deepEqual(
        [certificate.subject, certificate.subjectAltName.dnsNames, certificate.extensions.at(-1)],
        [{ organization: ["Acme"] }, ["composed.example.org"], extra],
      );
    });

    const forbidden: readonly [title: string, attributes: Partial<X509SvidAttributes>, message: string][] = [
      [
        "a CA of it",
        { extraExtensions: [basicConstraintsExtension(true)] },
        "invalid X509-SVID: cA constraint must not be set",
      ],
      [
        "it sign certificates",
        { extraExtensions: [keyUsageExtension(["digitalSignature", "keyCertSign"])] },
        "invalid X509-SVID: only digitalSignature, keyEncipherment, and keyAgreement key usage can be set",
      ],
    ];
    for (const [what, attributes, message] of forbidden) {
      it(`does not let a composer make ${what}: ${title}`, async () => {
        const issuer = await issuerOf(root, { composers: [composer(() => attributes)] });
        await assert.rejects(issue(issuer), new StatusError(Code.Internal, "X509_SVID_INVALID", message));
      });
    }

    it(`does not let a composer give ${title} another ID`, async () => {
      const names = subjectAltNameExtension({ uris: ["spiffe://example.org/other"], dnsNames: [] }, false);
      const issuer = await issuerOf(root, { composers: [composer(() => ({ extraExtensions: [names] }))] });
      const { certificate } = await issue(issuer);
      assert.deepEqual(certificate.subjectAltName.uris, [id.toString()]);
    });
  }

  it("marks the names critical when there is no subject", async () => {
    const issuer = await issuerOf(root, { composers: [composer(() => ({ subject: {} }))] });
    const { certificate, chainDer } = await issuer.issueToWorkload({
      id: db,
      publicKey: publicKey(),
      dnsNames: [],
      ttlMs: 0,
    });
    const names = certificate.extensions.find(({ oid }) => oid === ExtensionOid.SubjectAltName);
    assert.deepEqual([certificate.subject, names?.critical], [{}, true]);
    parseX509Svid(chainDer);
  });

  it("gives each a serial number of its own", async () => {
    const issuer = await issuerOf(root);
    const issue = () => issuer.issueToWorkload({ id: db, publicKey: publicKey(), dnsNames: [], ttlMs: 0 });
    const issued = await Promise.all(Array.from({ length: 200 }, issue));
    const serials = new Set(issued.map(({ certificate }) => certificate.serialNumber));
    assert.equal(serials.size, 200);
    for (const serial of serials) assert.ok(serial > 0n && serial < 2n ** 128n, `${serial}`);
  });

  const refused: readonly [id: string, message: string][] = [
    [
      "spiffe://elsewhere.org/db",
      'invalid X509-SVID ID: "spiffe://elsewhere.org/db" is not a member of trust domain "example.org"',
    ],
    [
      "spiffe://example.org/spire/server",
      'invalid X509-SVID ID: "spiffe://example.org/spire/server" is the server\'s own',
    ],
  ];
  for (const [id, message] of refused) {
    it(`refuses to give a workload the ID ${id}`, async () => {
      const issuer = await issuerOf(root);
      const ask = { id: parseSpiffeId(id), publicKey: publicKey(), dnsNames: [], ttlMs: 0 };
      await assert.rejects(
        issuer.issueToWorkload(ask),
        new StatusError(Code.Internal, "X509_SVID_ID", message),
      );
    });
  }

  it("issues a CA to a server below, that everybody above trusts", async () => {
    for (const [ca, depth] of [
      [root, 1],
      [intermediate, 1],
      [await intermediate.intermediate("further down"), 2],
    ] as const) {
      const issued = await (await issuerOf(ca)).issueDownstreamCa(publicKey("ec-p384"), 600_000);
      const [der = Buffer.alloc(0)] = issued.chainDer;
      const { certificate: _, ...read } = readByPeculiar(der);
      const signer = ca.chainDer[0] === undefined ? ca.root : Certificate.parse(ca.chainDer[0]);
      assert.deepEqual(read, {
        notBefore: new Date(now.getTime() - 10_000),
        notAfter: new Date(now.getTime() + 600_000),
        uris: ["spiffe://example.org"],
        dnsNames: [],
        otherNames: 0,
        namesCritical: false,
        usages: x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        usagesCritical: true,
        extended: null,
        isCa: true,
        pathLength: undefined,
        basicCritical: true,
        subjectKey: publicKey("ec-p384").subjectKeyId.toString("hex"),
        authorityKey: signer.subjectKeyId?.toString("hex"),
        types: ["2.5.29.15", "2.5.29.19", "2.5.29.14", "2.5.29.35", "2.5.29.17"],
      });
      assert.deepEqual(Certificate.parse(der).subject, {
        ...signer.subject,
        organizationalUnit: [`DOWNSTREAM-${depth}`],
      });
      assert.equal(issued.chainDer.length, 1 + ca.chainDer.length);
    }
  });

  const ttls: readonly [title: string, ttlMs: number, hours: number][] = [
    ["as long as its own when nothing is asked for", 0, 12],
    ["as long as is asked for", 3_600_000, 1],
    ["to its own end at most", 7 * 24 * 3_600_000, 24],
  ];
  for (const [title, ttlMs, hours] of ttls) {
    it(`issues a downstream CA for ${title}`, async () => {
      const issuer = await issuerOf(root, { settings: { caTtlMs: 12 * 3_600_000 } });
      const { certificate } = await issuer.issueDownstreamCa(publicKey(), ttlMs);
      assert.deepEqual(certificate.notAfter, new Date(now.getTime() + hours * 3_600_000));
    });
  }
});
