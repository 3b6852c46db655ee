import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { Certificate } from "../crypto/certificate.ts";
import { PublicKey } from "../crypto/public-key.ts";
import {
  basicConstraintsExtension,
  ExtensionOid,
  keyUsageExtension,
  subjectAltNameExtension,
  type X509Extension,
} from "../crypto/x509-extension.ts";
import { StatusError } from "../status/status-error.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { type TestCa, type TestCertificateOptions, testCa } from "../testing/test-ca.ts";
import { parseX509Svid, verifyX509Svid, x509SvidId } from "./x509-svid.ts";

const clock = new FakeClock();
let ca: TestCa;
before(async () => {
  ca = await testCa({ clock });
});

function uris(...uris: string[]): X509Extension {
  return subjectAltNameExtension({ uris, dnsNames: [] }, false);
}

function notCritical(extension: X509Extension): X509Extension {
  return { ...extension, critical: false };
}

function refusal(check: () => unknown): unknown {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return [error.reason, error.message];
  }
  return undefined;
}

interface LeafCase {
  readonly title: string;
  readonly options: TestCertificateOptions;
  readonly reason: readonly string[];
}

const asLeafOfAnybody: LeafCase[] = [
  {
    title: "no URI SAN",
    options: { without: [ExtensionOid.SubjectAltName] },
    reason: ["X509_SVID_NO_URI", "certificate contains no URI SAN"],
  },
  {
    title: "DNS names only",
    options: { extensions: [subjectAltNameExtension({ uris: [], dnsNames: ["db.example.org"] }, false)] },
    reason: ["X509_SVID_NO_URI", "certificate contains no URI SAN"],
  },
  {
    title: "two URI SANs",
    options: { extensions: [uris("spiffe://example.org/db", "https://example.org")] },
    reason: ["X509_SVID_MANY_URIS", "certificate contains more than one URI SAN"],
  },
  {
    title: "the same URI SAN twice",
    options: { extensions: [uris("spiffe://example.org/db", "spiffe://example.org/db")] },
    reason: ["X509_SVID_MANY_URIS", "certificate contains more than one URI SAN"],
  },
  {
    title: "a URI that is no SPIFFE ID",
    options: { extensions: [uris("https://example.org/db")] },
    reason: ["SPIFFE_ID_SCHEME", "scheme is missing or invalid"],
  },
  {
    title: "a SPIFFE ID with a dot segment",
    options: { extensions: [uris("spiffe://example.org/a/../db")] },
    reason: ["SPIFFE_ID_DOT_SEGMENT", "path cannot contain dot segments"],
  },
  {
    title: "no path",
    options: { extensions: [uris("spiffe://example.org")] },
    reason: ["X509_SVID_NO_PATH", "leaf certificate SPIFFE ID must have a non-root path"],
  },
  {
    title: "a CA",
    options: { extensions: [basicConstraintsExtension(true)] },
    reason: ["X509_SVID_LEAF_IS_CA", "leaf certificate with CA flag set to true"],
  },
  {
    title: "keyCertSign",
    options: { extensions: [keyUsageExtension(["digitalSignature", "keyCertSign"])] },
    reason: ["X509_SVID_LEAF_CERT_SIGN", "leaf certificate with KeyCertSign key usage"],
  },
  {
    title: "cRLSign",
    options: { extensions: [keyUsageExtension(["digitalSignature", "cRLSign"])] },
    reason: ["X509_SVID_LEAF_CRL_SIGN", "leaf certificate with KeyCrlSign key usage"],
  },
];

describe("x509SvidId()", () => {
  for (const { title, options, reason } of asLeafOfAnybody) {
    it(`refuses ${title}`, async () => {
      const { chainDer } = await ca.x509Svid("/db", options);
      assert.deepEqual(
        refusal(() => x509SvidId(Certificate.parse(chainDer[0] ?? Buffer.alloc(0)))),
        reason,
      );
    });
  }

  it("takes DNS names beside the ID, and a certificate without basic constraints or key usage", async () => {
    const { chainDer } = await ca.x509Svid("/db", {
      dnsNames: ["db.example.org"],
      without: [ExtensionOid.BasicConstraints, ExtensionOid.KeyUsage],
    });
    const id = x509SvidId(Certificate.parse(chainDer[0] ?? Buffer.alloc(0)));
    assert.equal(id.toString(), "spiffe://example.org/db");
  });
});

describe("parseX509Svid()", () => {
  const cases: LeafCase[] = [
    ...asLeafOfAnybody,
    {
      title: "no key usage",
      options: { without: [ExtensionOid.KeyUsage] },
      reason: ["X509_SVID_KEY_USAGE", "leaf certificate must have 'digitalSignature' set as key usage"],
    },
    {
      title: "no digitalSignature",
      options: { extensions: [keyUsageExtension(["keyAgreement"])] },
      reason: ["X509_SVID_KEY_USAGE", "leaf certificate must have 'digitalSignature' set as key usage"],
    },
    {
      title: "a key usage that is not critical",
      options: { extensions: [notCritical(keyUsageExtension(["digitalSignature"]))] },
      reason: [
        "X509_SVID_KEY_USAGE_NOT_CRITICAL",
        "leaf certificate must have a critical key usage extension",
      ],
    },
    {
      title: "an empty subject with a SAN that is not critical",
      options: { subject: {} },
      reason: [
        "X509_SVID_SAN_NOT_CRITICAL",
        "leaf certificate without a subject must have a critical subject alternative name extension",
      ],
    },
  ];
  for (const { title, options, reason } of cases) {
    it(`refuses ${title}`, async () => {
      const { chainDer } = await ca.x509Svid("/db", options);
      assert.deepEqual(
        refusal(() => parseX509Svid(chainDer)),
        reason,
      );
    });
  }

  it("takes an empty subject with a critical SAN", async () => {
    const names = subjectAltNameExtension({ uris: ["spiffe://example.org/db"], dnsNames: [] }, true);
    const { chainDer } = await ca.x509Svid("/db", { subject: {}, extensions: [names] });
    assert.equal(parseX509Svid(chainDer).spiffeId.path, "/db");
  });

  const signing: LeafCase[] = [
    {
      title: "that is not a CA",
      options: { extensions: [basicConstraintsExtension(false)] },
      reason: ["X509_SVID_SIGNING_NOT_CA", "signing certificate must have CA flag set to true"],
    },
    {
      title: "without keyCertSign",
      options: { extensions: [keyUsageExtension(["cRLSign"])] },
      reason: ["X509_SVID_SIGNING_KEY_USAGE", "signing certificate must have 'keyCertSign' set as key usage"],
    },
    {
      title: "without a key usage",
      options: { without: [ExtensionOid.KeyUsage] },
      reason: ["X509_SVID_SIGNING_KEY_USAGE", "signing certificate must have 'keyCertSign' set as key usage"],
    },
    {
      title: "with a path",
      options: { extensions: [uris("spiffe://example.org/ca")] },
      reason: ["X509_SVID_SIGNING_PATH", "signing certificate SPIFFE ID must not have a path"],
    },
    {
      title: "with two URIs",
      options: { extensions: [uris("spiffe://example.org", "spiffe://example.org")] },
      reason: ["X509_SVID_MANY_URIS", "signing certificate contains more than one URI SAN"],
    },
  ];
  for (const { title, options, reason } of signing) {
    it(`refuses a signing certificate ${title}`, async () => {
      const { chainDer } = await (await ca.intermediate("below", options)).x509Svid("/db");
      assert.deepEqual(
        refusal(() => parseX509Svid(chainDer)),
        reason,
      );
    });
  }

  it("takes a signing certificate without a name", async () => {
    const below = await ca.intermediate("below", { without: [ExtensionOid.SubjectAltName] });
    assert.equal(parseX509Svid((await below.x509Svid("/db")).chainDer).chain.length, 2);
  });

  it("refuses no certificates, and what is none", () => {
    assert.deepEqual(
      refusal(() => parseX509Svid([])),
      ["X509_SVID_EMPTY", "no certificates found"],
    );
    assert.throws(() => parseX509Svid([Buffer.from("no certificate")]), { reason: "CERTIFICATE_MALFORMED" });
  });
});

describe("verifyX509Svid()", () => {
  const verify = (chainDer: readonly Buffer[], now = clock.now(), anchors = [ca.root]): unknown =>
    refusal(() =>
      verifyX509Svid({
        chainDer,
        anchorsOf: ({ name }) => (name === "example.org" ? anchors : undefined),
        now,
      }),
    );

  it("takes what the bundle's authority has signed, and what an authority below it has", async () => {
    assert.equal(verify((await ca.x509Svid("/db")).chainDer), undefined);
    const below = await (await ca.intermediate("one")).intermediate("two");
    const { chainDer } = await below.x509Svid("/db");
    assert.equal(verify(chainDer), undefined);
    // The order of the certificates above the leaf does not matter.
    const [leaf = Buffer.alloc(0), ...above] = chainDer;
    assert.equal(verify([leaf, ...above.reverse()]), undefined);
  });

  it("refuses the form that x509SvidId() refuses", async () => {
    for (const { options, reason } of asLeafOfAnybody)
      assert.deepEqual(verify((await ca.x509Svid("/db", options)).chainDer), reason);
    assert.deepEqual(verify([]), ["X509_SVID_EMPTY", "empty certificates chain"]);
  });

  it("refuses a trust domain whose bundle is not known", async () => {
    const stranger = await testCa({ clock, trustDomain: "example.com" });
    assert.deepEqual(verify((await stranger.x509Svid("/db")).chainDer), [
      "X509_SVID_NO_BUNDLE",
      'no X.509 bundle for trust domain "example.com"',
    ]);
  });

  it("refuses an ID of this trust domain that another's authority has signed", async () => {
    const stranger = await testCa({ clock, trustDomain: "example.com" });
    const forged = await stranger.x509Svid("/db", { extensions: [uris("spiffe://example.org/db")] });
    assert.deepEqual(verify(forged.chainDer), [
      "CHAIN_UNKNOWN_AUTHORITY",
      'x509: certificate signed by unknown authority (possibly because of "x509: invalid signature" while trying to verify candidate authority certificate "test CA")',
    ]);
  });

  it("refuses before its time and after", async () => {
    const { chainDer } = await ca.x509Svid("/db");
    assert.deepEqual(verify(chainDer, new Date("2025-12-31T23:59:49Z")), [
      "CHAIN_NOT_YET_VALID",
      "x509: certificate has expired or is not yet valid: current time 2025-12-31T23:59:49Z is before 2025-12-31T23:59:50Z",
    ]);
    assert.equal(verify(chainDer, new Date("2025-12-31T23:59:50Z")), undefined);
    assert.equal(verify(chainDer, new Date("2026-01-01T01:00:00Z")), undefined);
    assert.deepEqual(verify(chainDer, new Date("2026-01-01T01:00:01Z")), [
      "CHAIN_EXPIRED",
      "x509: certificate has expired or is not yet valid: current time 2026-01-01T01:00:01Z is after 2026-01-01T01:00:00Z",
    ]);
  });

  it("refuses a workload's certificate as an authority", async () => {
    const workload = await ca.x509Svid("/evil");
    const leaf = await ca.x509Svid("/db");
    const key = PublicKey.of(leaf.privateKey);
    const forger = await ca.intermediate("forger", { extensions: [basicConstraintsExtension(false)] });
    const forged = await forger.certify(key, { extensions: [uris("spiffe://example.org/db")] });
    assert.deepEqual(
      (verify([forged, ...forger.chainDer, ...workload.chainDer]) as string[])[0],
      "CHAIN_UNKNOWN_AUTHORITY",
    );
  });
});
