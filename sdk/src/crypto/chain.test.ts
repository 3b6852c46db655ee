import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { StatusError } from "../status/status-error.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { type TestCa, type TestCertificateOptions, testCa } from "../testing/test-ca.ts";
import { Certificate } from "./certificate.ts";
import { verifyChain, verifyChains } from "./chain.ts";
import { contextTag, primitiveContextTag } from "./der.ts";
import { boolean, element, sequence, smallInteger } from "./der-writer.ts";
import { PublicKey } from "./public-key.ts";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  ExtendedKeyUsageOid,
  ExtensionOid,
  extendedKeyUsageExtension,
  keyUsageExtension,
  subjectAltNameExtension,
  type X509Extension,
} from "./x509-extension.ts";

const clock = new FakeClock();
let ca: TestCa;
before(async () => {
  ca = await testCa({ clock });
});

function certificatesOf(chainDer: readonly Buffer[]): Certificate[] {
  return chainDer.map((der) => Certificate.parse(der));
}

function outcome(
  chainDer: readonly Buffer[],
  options: { anchors?: readonly Certificate[]; now?: Date; extendedKeyUsage?: string } = {},
): unknown {
  const usage = options.extendedKeyUsage === undefined ? {} : { extendedKeyUsage: options.extendedKeyUsage };
  try {
    const path = verifyChain({
      chain: certificatesOf(chainDer),
      anchors: options.anchors ?? [ca.root],
      now: options.now ?? clock.now(),
      ...usage,
    });
    return path.length;
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, 3);
    return [error.reason, error.message];
  }
}

function unknownAuthority(hint?: string, name = "below"): unknown {
  const because = ` (possibly because of "${hint}" while trying to verify candidate authority certificate "${name}")`;
  return [
    "CHAIN_UNKNOWN_AUTHORITY",
    `x509: certificate signed by unknown authority${hint === undefined ? "" : because}`,
  ];
}

function pathLength(length: number): X509Extension {
  const value = sequence(boolean(true), smallInteger(length));
  return { oid: ExtensionOid.BasicConstraints, critical: true, value };
}

/** What verifying a leaf below an intermediate with these options comes to. */
async function below(options: TestCertificateOptions, leaf: TestCertificateOptions = {}): Promise<unknown> {
  const issuer = await ca.intermediate("below", options);
  return outcome((await issuer.x509Svid("/db", leaf)).chainDer);
}

describe("verifyChain()", () => {
  it("gives the path, leaf first, anchor last", async () => {
    const issuer = await (await ca.intermediate("one")).intermediate("two");
    const { chainDer } = await issuer.x509Svid("/db");
    const path = verifyChain({ chain: certificatesOf(chainDer), anchors: [ca.root], now: clock.now() });
    assert.deepEqual(
      path.map(({ subject }) => subject.commonName),
      [undefined, "two", "one", "test CA"],
    );
  });

  it("trusts an anchor as it is: below another, or the leaf itself", async () => {
    const issuer = await (await ca.intermediate("one")).intermediate("two");
    const { chainDer } = await issuer.x509Svid("/db");
    const [leaf, two] = certificatesOf(chainDer);
    assert.ok(leaf && two);
    assert.equal(outcome(chainDer, { anchors: [two] }), 2);
    assert.equal(outcome([leaf.der], { anchors: [two] }), 2);
    assert.equal(outcome([leaf.der], { anchors: [leaf] }), 1);
  });

  it("refuses no chain, no anchors, and a missing intermediate", async () => {
    const { chainDer } = await (await ca.intermediate("below")).x509Svid("/db");
    assert.deepEqual(outcome([]), ["CHAIN_EMPTY", "no certificate to verify"]);
    assert.deepEqual(outcome(chainDer, { anchors: [] }), unknownAuthority());
    assert.deepEqual(outcome(chainDer.slice(0, 1)), unknownAuthority());
  });

  it("refuses an authority of the same name with another key", async () => {
    const impostor = await testCa({ clock });
    const { chainDer } = await ca.x509Svid("/db");
    assert.deepEqual(
      outcome(chainDer, { anchors: [impostor.root] }),
      unknownAuthority("x509: invalid signature", "test CA"),
    );
    assert.equal(outcome(chainDer, { anchors: [impostor.root, ca.root] }), 2);
  });

  it("does not let a wrong authority key id stand in the way", async () => {
    const wrong = authorityKeyIdExtension(Buffer.alloc(20, 1));
    assert.equal(outcome((await ca.x509Svid("/db", { extensions: [wrong] })).chainDer), 2);
  });

  const refusedIssuers: [string, TestCertificateOptions, string][] = [
    [
      "that is not a CA",
      { extensions: [basicConstraintsExtension(false)] },
      "x509: certificate is not authorized to sign other certificates",
    ],
    [
      "without basic constraints",
      { without: [ExtensionOid.BasicConstraints] },
      "x509: certificate is not authorized to sign other certificates",
    ],
    [
      "without keyCertSign",
      { extensions: [keyUsageExtension(["cRLSign", "digitalSignature"])] },
      "x509: invalid signature: parent certificate cannot sign this kind of certificate",
    ],
    [
      "that has expired",
      { ttlSeconds: -1 },
      "x509: certificate has expired or is not yet valid: current time 2026-01-01T00:00:00Z is after 2025-12-31T23:59:59Z",
    ],
    [
      "with a critical extension that nothing obeys",
      { extensions: [{ oid: "1.2.3.4", critical: true, value: Buffer.of(5, 0) }] },
      "x509: unhandled critical extension",
    ],
  ];
  for (const [title, options, hint] of refusedIssuers) {
    it(`refuses an issuer ${title}`, async () => {
      assert.deepEqual(await below(options), unknownAuthority(hint));
    });
  }

  it("takes an issuer without a key usage", async () => {
    assert.equal(await below({ without: [ExtensionOid.KeyUsage] }), 3);
  });

  it("refuses a leaf with a critical extension that nothing obeys", async () => {
    const strange = { oid: "1.2.3.4", critical: true, value: Buffer.of(5, 0) };
    assert.deepEqual(outcome((await ca.x509Svid("/db", { extensions: [strange] })).chainDer), [
      "CHAIN_CRITICAL_EXTENSION",
      "x509: unhandled critical extension",
    ]);
  });

  it("counts the CAs below a path length", async () => {
    const zero = await ca.intermediate("zero", { extensions: [pathLength(0)] });
    assert.equal(outcome((await zero.x509Svid("/db")).chainDer), 3);
    const beyond = await zero.intermediate("beyond");
    assert.deepEqual(
      outcome((await beyond.x509Svid("/db")).chainDer),
      unknownAuthority("x509: too many intermediates for path length constraint", "zero"),
    );
    const one = await ca.intermediate("one", { extensions: [pathLength(1)] });
    assert.equal(outcome((await (await one.intermediate("two")).x509Svid("/db")).chainDer), 4);
  });

  it("asks for a usage of the leaf and of those above it, where they restrict it", async () => {
    const { clientAuth, serverAuth } = ExtendedKeyUsageOid;
    const only = (...usages: string[]): TestCertificateOptions => ({
      extensions: [extendedKeyUsageExtension(usages)],
    });
    const incompatible = "x509: certificate specifies an incompatible key usage";
    const verified = async (
      issuer: TestCertificateOptions,
      leaf: TestCertificateOptions,
    ): Promise<unknown> => {
      const { chainDer } = await (await ca.intermediate("below", issuer)).x509Svid("/db", leaf);
      return outcome(chainDer, { extendedKeyUsage: clientAuth });
    };
    assert.equal(await verified({}, {}), 3);
    assert.equal(await verified({}, { without: [ExtensionOid.ExtendedKeyUsage] }), 3);
    assert.equal(await verified(only(clientAuth), only("2.5.29.37.0")), 3);
    assert.deepEqual(await verified({}, only(serverAuth)), ["CHAIN_USAGE", incompatible]);
    assert.deepEqual(await verified(only(serverAuth), only(clientAuth)), unknownAuthority(incompatible));
  });

  it("tries every way up before it gives up", async () => {
    const path = await ca.intermediate("same");
    const expired = await ca.intermediate("same", { ttlSeconds: -1 });
    const { chainDer } = await path.x509Svid("/db");
    const [leaf = Buffer.alloc(0), ...above] = chainDer;
    assert.equal(outcome([leaf, ...expired.chainDer, ...above]), 3);
  });

  it("gives up on a chain that names itself in too many ways", async () => {
    // Each signs all others, so that every order of them is a path, and none ends at an anchor.
    const stranger = await testCa({ clock });
    const subject = { commonName: "loop" };
    const first = await stranger.intermediate("loop", { subject });
    const { chainDer } = await first.x509Svid("/db");
    const key = PublicKey.of(first.privateKey);
    const loops: Buffer[] = [];
    for (let index = 0; index < 12; index++)
      loops.push(
        await first.certify(key, {
          subject,
          extensions: [basicConstraintsExtension(true), keyUsageExtension(["keyCertSign"])],
        }),
      );
    const started = performance.now();
    assert.deepEqual(outcome([chainDer[0] ?? Buffer.alloc(0), ...loops]), [
      "CHAIN_TOO_COMPLEX",
      "x509: signature check attempts limit reached while verifying certificate chain",
    ]);
    assert.ok(performance.now() - started < 5000);
  });

  it("looks at no more candidates than that, whatever is wrong with them", async () => {
    const { chainDer } = await (await ca.intermediate("below")).x509Svid("/db");
    const [leaf = Buffer.alloc(0), issuer = Buffer.alloc(0)] = chainDer;
    const { subject } = Certificate.parse(issuer);
    const notCa = await ca.certify(ca.jwtPublicKey, { subject });
    const tooMany = Array.from({ length: 101 }, () => notCa);
    assert.deepEqual(outcome([leaf, ...tooMany, issuer], { anchors: [] }), [
      "CHAIN_TOO_COMPLEX",
      "x509: signature check attempts limit reached while verifying certificate chain",
    ]);
  });

  it("passes over an issuer whose key nobody can read, and names one whose name nobody can", async () => {
    const { chainDer } = await ca.x509Svid("/db");
    const [leaf = Buffer.alloc(0)] = chainDer;
    const unreadable = Buffer.from(ca.rootDer);
    // The first octet of the key's point: uncompressed becomes nothing there is.
    const point = ca.root.pkixDer.length - 65;
    unreadable[unreadable.indexOf(ca.root.pkixDer) + point] = 9;
    const broken = Certificate.parse(unreadable);
    assert.equal(outcome([leaf], { anchors: [broken, ca.root] }), 2);
    assert.deepEqual(
      outcome([leaf], { anchors: [broken] }),
      unknownAuthority("x509: cannot verify signature: algorithm unimplemented", "test CA"),
    );
  });

  it("gives up on a chain deeper than sixteen", async () => {
    let issuer = ca;
    for (let depth = 1; depth <= 14; depth++) issuer = await issuer.intermediate(`depth ${depth}`);
    assert.equal(outcome((await issuer.x509Svid("/db")).chainDer), 16);
    issuer = await (await issuer.intermediate("depth 15")).intermediate("depth 16");
    assert.deepEqual(outcome((await issuer.x509Svid("/db")).chainDer), unknownAuthority());
  });

  it("takes the certificates above the leaf in any order, among others", async () => {
    const issuer = await (await (await ca.intermediate("one")).intermediate("two")).intermediate("three");
    const stranger = await (await testCa({ clock })).intermediate("two");
    const [leaf = Buffer.alloc(0), ...above] = (await issuer.x509Svid("/db")).chainDer;
    const others = [...above, ...stranger.chainDer, ca.rootDer];
    fc.assert(
      fc.property(fc.shuffledSubarray(others, { minLength: others.length }), (shuffled) => {
        assert.equal(outcome([leaf, ...shuffled]), 5);
      }),
      { numRuns: 20 },
    );
  });
});

describe("name constraints", () => {
  const kinds = { email: 1, dns: 2, uri: 6, ip: 7 };
  const subtree = (kind: keyof typeof kinds, value: string): Buffer =>
    sequence(element(primitiveContextTag(kinds[kind]), Buffer.from(value, kind === "ip" ? "hex" : "latin1")));
  const constraints = (permitted: readonly Buffer[], excluded: readonly Buffer[] = []): X509Extension => ({
    oid: ExtensionOid.NameConstraints,
    critical: true,
    value: sequence(
      ...(permitted.length > 0 ? [element(contextTag(0), ...permitted)] : []),
      ...(excluded.length > 0 ? [element(contextTag(1), ...excluded)] : []),
    ),
  });
  const san = (...names: [keyof typeof kinds, string][]): X509Extension => ({
    oid: ExtensionOid.SubjectAltName,
    critical: false,
    value: sequence(
      ...names.map(([kind, value]) =>
        element(primitiveContextTag(kinds[kind]), Buffer.from(value, kind === "ip" ? "hex" : "latin1")),
      ),
    ),
  });
  const notAuthorized = (detail: string): unknown => {
    const hint = `x509: a root or intermediate certificate is not authorized to sign for this name: ${detail}`;
    const because = `(possibly because of ${JSON.stringify(hint)} while trying to verify candidate authority certificate "below")`;
    return ["CHAIN_UNKNOWN_AUTHORITY", `x509: certificate signed by unknown authority ${because}`];
  };
  const db = "spiffe://example.org/db";
  const cases: [string, X509Extension, X509Extension, string | undefined][] = [
    ["the trust domain", constraints([subtree("uri", "example.org")]), san(["uri", db]), undefined],
    [
      "the trust domain in capitals",
      constraints([subtree("uri", "EXAMPLE.org")]),
      san(["uri", db]),
      undefined,
    ],
    ["a domain above", constraints([subtree("uri", "org")]), san(["uri", db]), undefined],
    [
      "subdomains only",
      constraints([subtree("uri", ".example.org")]),
      san(["uri", "spiffe://a.example.org/b"]),
      undefined,
    ],
    [
      "subdomains only, of which it is none",
      constraints([subtree("uri", ".example.org")]),
      san(["uri", db]),
      `URI "${db}" is not permitted by any constraint`,
    ],
    [
      "another trust domain",
      constraints([subtree("uri", "example.com"), subtree("uri", "ample.org")]),
      san(["uri", db]),
      `URI "${db}" is not permitted by any constraint`,
    ],
    [
      "all but this trust domain",
      constraints([], [subtree("uri", "example.org")]),
      san(["uri", db]),
      `URI "${db}" is excluded by constraint`,
    ],
    ["nothing of URIs", constraints([subtree("dns", "example.org")]), san(["uri", db]), undefined],
    [
      "URIs, of which one has no host",
      constraints([], [subtree("uri", "example.com")]),
      san(["uri", "urn:x"]),
      'URI "urn:x" is excluded by constraint',
    ],
    [
      "URIs, of which one has an address",
      constraints([subtree("uri", "")]),
      san(["uri", "https://10.0.0.1/"]),
      'URI "https://10.0.0.1/" is not permitted by any constraint',
    ],
    [
      "a URI with user and port",
      constraints([subtree("uri", "example.org")]),
      san(["uri", "https://a@b.example.org:8/"]),
      undefined,
    ],
    [
      "DNS names below",
      constraints([subtree("dns", "example.org")]),
      san(["dns", "DB.example.org"]),
      undefined,
    ],
    [
      "other DNS names",
      constraints([subtree("dns", "example.org")]),
      san(["uri", db], ["dns", "notexample.org"]),
      'DNS name "notexample.org" is not permitted by any constraint',
    ],
    [
      "no DNS name",
      constraints([], [subtree("dns", "")]),
      san(["dns", "a"]),
      'DNS name "a" is excluded by constraint',
    ],
    [
      "a mailbox",
      constraints([subtree("email", "me@example.org")]),
      san(["email", "me@EXAMPLE.org"]),
      undefined,
    ],
    [
      "a mail host",
      constraints([subtree("email", "example.org")]),
      san(["email", "me@example.org"]),
      undefined,
    ],
    [
      "another mailbox",
      constraints([subtree("email", "me@example.org")]),
      san(["email", "you@example.org"]),
      'email address "you@example.org" is not permitted by any constraint',
    ],
    ["an address", constraints([subtree("ip", "0a000000ff000000")]), san(["ip", "0a010203"]), undefined],
    [
      "another address",
      constraints([subtree("ip", "0a000000ff000000")]),
      san(["ip", "0b010203"]),
      'IP address "0b010203" is not permitted by any constraint',
    ],
    [
      "an address of the other family",
      constraints([subtree("ip", "0a000000ff000000")]),
      san(["ip", "00".repeat(16)]),
      `IP address "${"00".repeat(16)}" is not permitted by any constraint`,
    ],
  ];
  for (const [title, constraint, names, forbidden] of cases) {
    it(`${forbidden === undefined ? "allow" : "forbid"} under ${title}`, async () => {
      // The issuer's own names are not its own concern.
      const issuer = await ca.intermediate("below", { extensions: [constraint] });
      const { chainDer } = await issuer.x509Svid("/db", { extensions: [names] });
      assert.deepEqual(outcome(chainDer), forbidden === undefined ? 3 : notAuthorized(forbidden));
    });
  }

  it("bind the authorities further down, too", async () => {
    const issuer = await ca.intermediate("below", {
      extensions: [constraints([subtree("uri", "example.org")])],
    });
    const names = subjectAltNameExtension({ uris: ["spiffe://example.com"], dnsNames: [] }, false);
    const further = await issuer.intermediate("further", { extensions: [names] });
    assert.deepEqual(
      outcome((await further.x509Svid("/db")).chainDer),
      notAuthorized('URI "spiffe://example.com" is not permitted by any constraint'),
    );
  });

  it("are held against so many names and no more", async () => {
    const others = Array.from({ length: 1000 }, (_, index) => subtree("uri", `${index}.example.com`));
    const names = (count: number): X509Extension =>
      san(
        ...Array.from(
          { length: count },
          (_, index) => ["uri", `${db}/${index}`] as [keyof typeof kinds, string],
        ),
      );
    const issuer = await ca.intermediate("below", { extensions: [constraints([], others)] });
    const verified = async (count: number): Promise<unknown> =>
      outcome((await issuer.x509Svid("/db", { extensions: [names(count)] })).chainDer);
    assert.equal(await verified(249), 3);
    assert.deepEqual(await verified(251), [
      "CHAIN_TOO_COMPLEX",
      "x509: too many names to hold against name constraints",
    ]);
  });

  it("are not held against a name longer than any host", async () => {
    const long = `spiffe://${"a.".repeat(1000)}example.org/db`;
    const issuer = await ca.intermediate("below", {
      extensions: [constraints([subtree("uri", "example.org")])],
    });
    assert.deepEqual(
      outcome((await issuer.x509Svid("/db", { extensions: [san(["uri", long])] })).chainDer),
      notAuthorized(`URI "${long}" is not permitted by any constraint`),
    );
  });

  it("that nobody here understands forbid everything when they are critical", async () => {
    const directory = sequence(element(contextTag(4), sequence()));
    const critical = constraints([directory]);
    assert.deepEqual(
      await below({ extensions: [critical] }),
      unknownAuthority("x509: unhandled critical extension"),
    );
    assert.equal(await below({ extensions: [{ ...critical, critical: false }] }), 3);
  });
});

describe("verifyChains()", () => {
  it("finds the path to each root that has signed the authority", async () => {
    const other = await testCa({ clock });
    const issuer = await ca.intermediate("below");
    const [leafDer, issuerDer] = (await issuer.x509Svid("/db")).chainDer;
    assert.ok(leafDer && issuerDer);
    const crossDer = await other.certify(PublicKey.of(issuer.privateKey), {
      subject: { country: ["US"], organization: ["SPIFFE"], commonName: "below" },
      extensions: [keyUsageExtension(["keyCertSign"]), basicConstraintsExtension(true)],
    });
    const chain = certificatesOf([leafDer, issuerDer, crossDer]);
    const [leaf, first, second] = chain;
    const now = clock.now();
    const paths = (anchors: readonly Certificate[]): unknown => verifyChains({ chain, anchors, now });
    assert.deepEqual(paths([ca.root]), [[leaf, first, ca.root]]);
    assert.deepEqual(paths([ca.root, other.root]), [
      [leaf, first, ca.root],
      [leaf, second, other.root],
    ]);
    assert.deepEqual(paths([chain[0] as Certificate, ca.root]), [[leaf]]);
    assert.throws(() => paths([]), { reason: "CHAIN_UNKNOWN_AUTHORITY" });
  });

  it("keeps what it has found when the search grows too long", async () => {
    const issuer = await ca.intermediate("below");
    const [leafDer, issuerDer] = (await issuer.x509Svid("/db")).chainDer;
    assert.ok(leafDer && issuerDer);
    const many = Array.from({ length: 110 }, async () => {
      const { chainDer } = await (await testCa({ clock })).intermediate("below");
      return chainDer;
    });
    const decoys = (await Promise.all(many)).flat();
    const chain = certificatesOf([leafDer, issuerDer, ...decoys]);
    assert.equal(verifyChains({ chain, anchors: [ca.root], now: clock.now() }).length, 1);
  });
});
