import assert from "node:assert/strict";
import { createHash, type KeyObject } from "node:crypto";
import { before, describe, it } from "node:test";
import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import {
  Certificate,
  createCertificateRequest,
  type DistinguishedName,
  generatePrivateKey,
  PublicKey,
} from "@finial/sdk/crypto";
import { parseSpiffeId, type RegistrationEntry, verifyJwtSvid, verifyX509Svid } from "@finial/sdk/spiffe";
import { signerOf } from "@finial/sdk/testing";
import { fakeCall } from "../fake-call.ts";
import { type FakeSvidServiceOptions, fakeSvidService } from "./fake-svid-service.ts";

const agentId = parseSpiffeId("spiffe://example.org/spire/agent/a");
const now = new Date("2026-01-01T00:00:00Z");

let key: KeyObject;
let csr: Buffer;

before(async () => {
  key = await generatePrivateKey("ec-p256");
  csr = await request();
});

async function request(
  options: {
    readonly uris?: readonly string[];
    readonly dnsNames?: readonly string[];
    readonly subject?: DistinguishedName;
    /** Signs instead of the key that is asked for. */
    readonly signedBy?: KeyObject;
  } = {},
): Promise<Buffer> {
  const { signedBy = key, ...rest } = options;
  return await createCertificateRequest({
    publicKey: PublicKey.of(key),
    sign: signerOf(signedBy).sign,
    ...rest,
  });
}

function entry(id: string, fields: Partial<RegistrationEntry> = {}): RegistrationEntry {
  return {
    id,
    spiffeId: parseSpiffeId(`spiffe://example.org/${id}`),
    parentId: agentId,
    selectors: [{ type: "unix", value: "uid:1" }],
    x509SvidTtlSeconds: 0,
    jwtSvidTtlSeconds: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: undefined,
    dnsNames: [],
    revisionNumber: 3,
    storeSvid: false,
    hint: "",
    createdAt: undefined,
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
    ...fields,
  };
}

type Service = Awaited<ReturnType<typeof fakeSvidService>>;

interface WireSvid {
  readonly id?: PartialMessage<SPIFFEID> | undefined;
  readonly certChain?: readonly Uint8Array[] | undefined;
  readonly expiresAt?: number | undefined;
}

/** Verified as anybody would; what the answer says of it is checked to be so. */
function verified({ ca, clock }: Service, svid: WireSvid | undefined) {
  assert.ok(svid, "no SVID came");
  const chainDer = (svid.certChain ?? []).map((der) => Buffer.from(der));
  const { spiffeId, leaf } = verifyX509Svid({ chainDer, anchorsOf: () => [ca.root], now: clock.now() });
  assert.deepEqual(svid.id, { trustDomain: spiffeId.trustDomain.name, path: spiffeId.path });
  assert.equal(svid.expiresAt, leaf.notAfter.getTime() / 1000);
  return { spiffeId: spiffeId.toString(), leaf, chainDer };
}

async function refusal(work: () => unknown): Promise<[code: Code, reason: string, message: string]> {
  try {
    await work();
  } catch (error) {
    const { code, reason, message } = StatusError.from(error);
    return [code, reason, message];
  }
  return assert.fail("it succeeded");
}

const full: FakeSvidServiceOptions["rateLimit"] = async (_, count) => {
  throw new StatusError(Code.ResourceExhausted, "RATE_LIMIT", `no room for ${count}`);
};

const secondsFromNow = (leaf: Certificate): number => (leaf.notAfter.getTime() - now.getTime()) / 1000;

describe("batchNewX509SVID()", () => {
  it("issues for each entry what the entry says, whatever the CSR asks for", async () => {
    const entries = [
      entry("db", { dnsNames: ["db.example.org", "db"], x509SvidTtlSeconds: 600 }),
      entry("web"),
    ];
    const service = await fakeSvidService({ entries, callerId: agentId });
    const greedy = await request({
      uris: ["spiffe://example.org/spire/server"],
      dnsNames: ["bank.example.com"],
      subject: { commonName: "root" },
    });
    const call = fakeCall();
    const { results = [] } = await service.handlers.batchNewX509SVID(
      { params: entries.map(({ id }) => ({ entryId: id, csr: greedy })) },
      call,
    );
    const issued = results.map(({ svid }) => verified(service, svid));
    assert.deepEqual(
      issued.map(({ spiffeId, leaf }) => [
        spiffeId,
        leaf.subjectAltName.dnsNames,
        leaf.subject,
        secondsFromNow(leaf),
      ]),
      [
        [
          "spiffe://example.org/db",
          ["db.example.org", "db"],
          { country: ["US"], organization: ["SPIRE"], commonName: "db.example.org" },
          600,
        ],
        ["spiffe://example.org/web", [], { country: ["US"], organization: ["SPIRE"] }, 3600],
      ],
    );
    assert.ok(issued.every(({ leaf }) => leaf.publicKey.equals(PublicKey.of(key))));
    assert.deepEqual(service.limited, [2]);
    assert.deepEqual(
      call.trail.items,
      issued.map(({ spiffeId, leaf }, index) => ({
        status: { code: 0, message: "OK" },
        fields: {
          csr: createHash("sha256").update(greedy).digest("hex"),
          registration_id: entries[index]?.id,
          spiffe_id: spiffeId,
          expires_at: leaf.notAfter.getTime() / 1000,
        },
      })),
    );
  });

  it("answers each request by itself, in order", async () => {
    const service = await fakeSvidService({
      entries: [
        entry("db"),
        entry("web"),
        entry("bad", { spiffeId: parseSpiffeId("spiffe://elsewhere.org/x") }),
      ],
      callerId: agentId,
    });
    const stolen = await request({ signedBy: await generatePrivateKey("ec-p256") });
    const params = [
      { entryId: "", csr },
      { entryId: "db", csr: Buffer.alloc(0) },
      { entryId: "other-agents", csr },
      { entryId: "db", csr: Buffer.from("CSR") },
      { entryId: "db", csr: stolen },
      { entryId: "bad", csr },
      { entryId: "web", csr },
    ];
    const { results = [] } = await service.handlers.batchNewX509SVID({ params }, fakeCall());
    assert.deepEqual(
      results.map(({ status, svid }) => [status?.code, status?.message, svid !== undefined]),
      [
        [Code.InvalidArgument, "missing entry ID", false],
        [Code.InvalidArgument, "missing CSR", false],
        [Code.NotFound, "entry not found or not authorized", false],
        [Code.InvalidArgument, "malformed CSR: malformed CSR: expected tag 0x30, found 0x43", false],
        [Code.InvalidArgument, "invalid CSR signature: x509: signature check failed", false],
        [
          Code.Internal,
          'failed to sign X509-SVID: invalid X509-SVID ID: "spiffe://elsewhere.org/x" is not a member of trust domain "example.org"',
          false,
        ],
        [Code.Ok, "OK", true],
      ],
    );
    assert.deepEqual(
      // They are worked on at once: their lines come in the order in which they are done.
      service.logger.lines
        .map(({ level, message, fields }) => `${level} ${message} ${fields.registration_id}`)
        .sort(),
      [
        "debug Signed X509 SVID web",
        "error Entry not found or not authorized other-agents",
        "error Failed to sign X509-SVID bad",
        "error Invalid argument: invalid CSR signature db",
        "error Invalid argument: malformed CSR db",
        "error Invalid argument: missing CSR db",
        "error Invalid argument: missing entry ID ",
      ],
    );
  });

  it("never gives a workload the server's own ID, whatever an entry says", async () => {
    const spiffeId = parseSpiffeId("spiffe://example.org/spire/server");
    const service = await fakeSvidService({ entries: [entry("x", { spiffeId })], callerId: agentId });
    const { results = [] } = await service.handlers.batchNewX509SVID(
      { params: [{ entryId: "x", csr }] },
      fakeCall(),
    );
    assert.deepEqual(results[0]?.status, {
      code: Code.Internal,
      message: `failed to sign X509-SVID: invalid X509-SVID ID: "${spiffeId}" is the server's own`,
    });
  });

  it("asks the limit for as many as there are, before anything else is done", async () => {
    const service = await fakeSvidService({ entries: [entry("db")], callerId: agentId, rateLimit: full });
    const params = Array.from({ length: 3 }, () => ({ entryId: "db", csr }));
    assert.deepEqual(await refusal(() => service.handlers.batchNewX509SVID({ params }, fakeCall())), [
      Code.ResourceExhausted,
      "RATE_LIMIT",
      "rejecting request due to certificate signing rate limiting: no room for 3",
    ]);
  });

  it("rejects a request for nothing, and a caller without an ID", async () => {
    const { handlers } = await fakeSvidService({ entries: [entry("db")] });
    assert.deepEqual(await refusal(() => handlers.batchNewX509SVID({ params: [] }, fakeCall())), [
      Code.InvalidArgument,
      "PARAMS_MISSING",
      "missing parameters",
    ]);
    const params = [{ entryId: "db", csr }];
    assert.deepEqual(await refusal(() => handlers.batchNewX509SVID({ params }, fakeCall())), [
      Code.Internal,
      "CALLER_ID_MISSING",
      "caller ID missing from request context",
    ]);
  });
});

describe("mintX509SVID()", () => {
  const good: readonly {
    readonly title: string;
    readonly ask: Parameters<typeof request>[0];
    readonly ttl: number;
    readonly subject: DistinguishedName;
    readonly seconds: number;
  }[] = [
    {
      title: "an ID",
      ask: {},
      ttl: 0,
      subject: { country: ["US"], organization: ["SPIRE"] },
      seconds: 3600,
    },
    {
      title: "a subject",
      ask: { subject: { organization: ["Acme"], commonName: "db" } },
      ttl: 60,
      subject: { organization: ["Acme"], commonName: "db" },
      seconds: 60,
    },
    {
      title: "names, of which the first becomes the common one",
      ask: {
        subject: { organization: ["Acme"], commonName: "db" },
        dnsNames: ["a.example.org", "*.b.example.org"],
      },
      ttl: -5,
      subject: { organization: ["Acme"], commonName: "a.example.org" },
      seconds: 3600,
    },
    {
      title: "more time than the CA has",
      ask: {},
      ttl: 7 * 24 * 3600,
      subject: { country: ["US"], organization: ["SPIRE"] },
      seconds: 24 * 3600,
    },
  ];
  for (const { title, ask, ttl, subject, seconds } of good) {
    it(`issues what a CSR asks for: ${title}`, async () => {
      const service = await fakeSvidService();
      const asked = await request({ uris: ["spiffe://example.org/db"], ...ask });
      const call = fakeCall();
      const { svid } = await service.handlers.mintX509SVID({ csr: asked, ttl }, call);
      const { spiffeId, leaf } = verified(service, svid);
      assert.deepEqual(
        [spiffeId, leaf.subject, leaf.subjectAltName.dnsNames, secondsFromNow(leaf)],
        ["spiffe://example.org/db", subject, ask?.dnsNames ?? [], seconds],
      );
      assert.ok(leaf.publicKey.equals(PublicKey.of(key)));
      assert.deepEqual(call.trail.fields, {
        csr: createHash("sha256").update(asked).digest("hex"),
        ttl,
        spiffe_id: "spiffe://example.org/db",
        dns_name: (ask?.dnsNames ?? []).join(","),
        expires_at: leaf.notAfter.toISOString(),
      });
    });
  }

  const uris = ["spiffe://example.org/db"];
  const bad: readonly [title: string, csr: () => Promise<Buffer>, reason: string, message: string][] = [
    ["no CSR", async () => Buffer.alloc(0), "CSR_MISSING", "missing CSR"],
    [
      "what is no CSR",
      async () => Buffer.from("CSR"),
      "CSR_MALFORMED",
      "malformed CSR: malformed CSR: expected tag 0x30, found 0x43",
    ],
    [
      "a key that its sender does not hold",
      async () => request({ uris, signedBy: await generatePrivateKey("ec-p256") }),
      "CSR_SIGNATURE",
      "failed to verify CSR signature: x509: signature check failed",
    ],
    ["no ID", () => request(), "CSR_NO_URI", "CSR URI SAN is required"],
    [
      "two IDs",
      () => request({ uris: [...uris, "spiffe://example.org/web"] }),
      "CSR_MANY_URIS",
      "only one URI SAN is expected",
    ],
    [
      "an ID that is none",
      () => request({ uris: ["https://example.org/db"] }),
      "CSR_URI",
      "CSR URI SAN is invalid: scheme is missing or invalid",
    ],
    [
      "an ID of another trust domain",
      () => request({ uris: ["spiffe://elsewhere.org/db"] }),
      "CSR_URI",
      'CSR URI SAN is invalid: "spiffe://elsewhere.org/db" is not a member of trust domain "example.org"',
    ],
    [
      "the server's ID",
      () => request({ uris: ["spiffe://example.org/spire/server"] }),
      "CSR_URI",
      'CSR URI SAN is invalid: "spiffe://example.org/spire/server" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
    [
      "an ID without a path",
      () => request({ uris: ["spiffe://example.org"] }),
      "CSR_URI",
      'CSR URI SAN is invalid: "spiffe://example.org" is not a workload in trust domain "example.org"; path is empty',
    ],
    [
      "a path that leads elsewhere",
      () => request({ uris: ["spiffe://example.org/a/../spire/server"] }),
      "CSR_URI",
      "CSR URI SAN is invalid: path cannot contain dot segments",
    ],
    [
      "a percent-encoded path",
      () => request({ uris: ["spiffe://example.org/%73pire/server"] }),
      "CSR_URI",
      "CSR URI SAN is invalid: path segment characters are limited to letters, numbers, dots, dashes, and underscores",
    ],
    [
      "a name that is none",
      () => request({ uris, dnsNames: ["a..b"] }),
      "CSR_DNS_NAME",
      'CSR DNS name is invalid: idna error\nidna: invalid label "a..b"',
    ],
    [
      "a name that a wildcard covers",
      () => request({ uris, dnsNames: ["*.example.org", "a.example.org"] }),
      "CSR_DNS_OVERLAP",
      'CSR DNS name contains a wildcard that covers another non-wildcard name: name "a.example.org" overlaps with an existing wildcard name in the list',
    ],
  ];
  for (const [title, asked, reason, message] of bad) {
    it(`rejects ${title}`, async () => {
      const { handlers } = await fakeSvidService();
      const minting = async () => handlers.mintX509SVID({ csr: await asked(), ttl: 0 }, fakeCall());
      assert.deepEqual(await refusal(minting), [Code.InvalidArgument, reason, message]);
    });
  }
});

/** A token checked with the server's own key. */
function checkedToken(
  { authorities, clock }: Service,
  token: string | undefined,
  audience: readonly string[],
) {
  const { jwtKey } = authorities;
  return verifyJwtSvid(token ?? "", {
    audience,
    keyOf: ({ keyId }) => (keyId === jwtKey.kid ? jwtKey.key.publicKey : undefined),
    now: clock.now(),
  });
}

describe("mintJWTSVID()", () => {
  it("issues a token for any workload, for the audience asked for", async () => {
    const service = await fakeSvidService();
    const id = { trustDomain: "example.org", path: "/db" };
    const call = fakeCall();
    const { svid } = await service.handlers.mintJWTSVID({ id, audience: ["web", "", "api"], ttl: 60 }, call);
    const { claims } = checkedToken(service, svid?.token, ["api"]);
    assert.deepEqual(claims, {
      aud: ["web", "api"],
      exp: now.getTime() / 1000 + 60,
      iat: now.getTime() / 1000,
      sub: "spiffe://example.org/db",
    });
    assert.deepEqual(
      { ...svid, token: undefined },
      { token: undefined, id, expiresAt: claims.exp, issuedAt: claims.iat, hint: "" },
    );
    assert.deepEqual(call.trail.fields, {
      ttl: 60,
      audience: "web,,api",
      spiffe_id: "spiffe://example.org/db",
    });
  });

  it("never writes the token into the log, nor into the audit trail", async () => {
    const { handlers, logger } = await fakeSvidService();
    const call = fakeCall();
    const id = { trustDomain: "example.org", path: "/db" };
    const { svid } = await handlers.mintJWTSVID({ id, audience: ["web"], ttl: 0 }, call);
    const said = JSON.stringify([logger.lines, call.trail]);
    assert.ok(said.includes("Server CA successfully signed JWT SVID"));
    for (const part of svid?.token?.split(".") ?? assert.fail()) assert.ok(!said.includes(part), part);
  });

  const workload = { trustDomain: "example.org", path: "/db" };
  const bad: readonly [
    title: string,
    id: SPIFFEID | undefined,
    audience: readonly string[],
    refusal: unknown[],
  ][] = [
    [
      "no ID",
      undefined,
      ["web"],
      [Code.InvalidArgument, "SPIFFE_ID_INVALID", "invalid SPIFFE ID: request must specify SPIFFE ID"],
    ],
    [
      "the server's ID",
      { trustDomain: "example.org", path: "/spire/server" },
      ["web"],
      [
        Code.InvalidArgument,
        "SPIFFE_ID_INVALID",
        'invalid SPIFFE ID: "spiffe://example.org/spire/server" is not a workload in trust domain "example.org"; path is in the reserved namespace',
      ],
    ],
    [
      "no audience",
      workload,
      [],
      [Code.InvalidArgument, "AUDIENCE_MISSING", "at least one audience is required"],
    ],
    [
      "an audience of nothing",
      workload,
      [""],
      [Code.Internal, "JWT_SVID_SIGN", "failed to sign JWT-SVID: invalid JWT-SVID audience: cannot be empty"],
    ],
  ];
  for (const [title, id, audience, expected] of bad) {
    it(`rejects ${title}`, async () => {
      const { handlers } = await fakeSvidService();
      const minting = () => handlers.mintJWTSVID({ id, audience: [...audience], ttl: 0 }, fakeCall());
      assert.deepEqual(await refusal(minting), expected);
    });
  }
});

describe("newJWTSVID()", () => {
  const ask = (entryId: string, audience: readonly string[] = ["web"]) => ({
    entryId,
    audience: [...audience],
  });

  it("issues a token for the entry, for the audience asked for, with a jti if the entry wants one", async () => {
    const entries = [entry("db", { jwtSvidTtlSeconds: 60, jwtSvidIncludeJti: true }), entry("web")];
    const service = await fakeSvidService({ entries, callerId: agentId });
    const call = fakeCall();
    const { svid } = await service.handlers.newJWTSVID(ask("db"), call);
    const { claims, spiffeId } = checkedToken(service, svid?.token, ["web"]);
    const { jti, ...others } = claims;
    assert.deepEqual(others, {
      aud: ["web"],
      exp: now.getTime() / 1000 + 60,
      iat: now.getTime() / 1000,
      sub: "spiffe://example.org/db",
    });
    assert.match(String(jti), /^[A-Za-z0-9_-]{22}$/);
    assert.equal(spiffeId.toString(), "spiffe://example.org/db");
    assert.deepEqual(call.trail.fields, {
      registration_id: "db",
      audience: "web",
      spiffe_id: "spiffe://example.org/db",
      ttl: 60,
    });
    const plain = await service.handlers.newJWTSVID(ask("web"), fakeCall());
    const { claims: plainClaims } = checkedToken(service, plain.svid?.token, ["web"]);
    assert.deepEqual(Object.keys(plainClaims).sort(), ["aud", "exp", "iat", "sub"]);
    assert.equal(plainClaims.exp, now.getTime() / 1000 + 300);
    assert.deepEqual(service.limited, [1, 1]);
  });

  const bad: readonly [title: string, entryId: string, audience: readonly string[], refusal: unknown[]][] = [
    [
      "an entry that is not the agent's",
      "other-agents",
      ["web"],
      [Code.NotFound, "ENTRY_NOT_AUTHORIZED", "entry not found or not authorized"],
    ],
    [
      "no audience",
      "db",
      [],
      [Code.InvalidArgument, "AUDIENCE_MISSING", "at least one audience is required"],
    ],
    [
      "an entry with the server's ID",
      "server",
      ["web"],
      [
        Code.InvalidArgument,
        "SPIFFE_ID_INVALID",
        'invalid SPIFFE ID: "spiffe://example.org/spire/server" is not a workload in trust domain "example.org"; path is in the reserved namespace',
      ],
    ],
  ];
  for (const [title, entryId, audience, expected] of bad) {
    it(`rejects ${title}`, async () => {
      const server = entry("server", { spiffeId: parseSpiffeId("spiffe://example.org/spire/server") });
      const { handlers } = await fakeSvidService({ entries: [entry("db"), server], callerId: agentId });
      assert.deepEqual(
        await refusal(() => handlers.newJWTSVID(ask(entryId, audience), fakeCall())),
        expected,
      );
    });
  }

  it("asks the limit first", async () => {
    const { handlers } = await fakeSvidService({
      entries: [entry("db")],
      callerId: agentId,
      rateLimit: full,
    });
    assert.deepEqual(await refusal(() => handlers.newJWTSVID(ask("db"), fakeCall())), [
      Code.ResourceExhausted,
      "RATE_LIMIT",
      "rejecting request due to JWT signing request rate limiting: no room for 1",
    ]);
  });

  it("is not offered where JWT-SVIDs are disabled, nor is minting", async () => {
    const { handlers } = await fakeSvidService({
      entries: [entry("db")],
      callerId: agentId,
      disableJwt: true,
    });
    const disabled = [Code.Unimplemented, "JWT_DISABLED", "JWT functionality is disabled"];
    assert.deepEqual(await refusal(() => handlers.newJWTSVID(ask("db"), fakeCall())), disabled);
    const minting = () => handlers.mintJWTSVID({ id: undefined, audience: [], ttl: 0 }, fakeCall());
    assert.deepEqual(await refusal(minting), disabled);
  });
});

describe("newDownstreamX509CA()", () => {
  it("issues a CA of this trust domain for the key, and gives all authorities there are", async () => {
    const service = await fakeSvidService();
    const call = fakeCall();
    const greedy = await request({ uris: ["spiffe://elsewhere.org"], subject: { commonName: "root" } });
    const { caCertChain = [], x509Authorities = [] } = await service.handlers.newDownstreamX509CA(
      { csr: greedy, preferredTtl: 600 },
      call,
    );
    const [certificate, ...more] = caCertChain.map((der) => Certificate.parse(Buffer.from(der)));
    assert.ok(certificate);
    assert.equal(more.length, 0);
    assert.deepEqual(
      [certificate.isCa, certificate.subjectAltName.uris, certificate.subject, secondsFromNow(certificate)],
      [
        true,
        ["spiffe://example.org"],
        { ...service.ca.root.subject, organizationalUnit: ["DOWNSTREAM-1"] },
        600,
      ],
    );
    assert.ok(certificate.publicKey.equals(PublicKey.of(key)));
    assert.ok(certificate.isSignedBy(service.ca.root.publicKey));
    assert.deepEqual(x509Authorities, [service.ca.rootDer]);
    assert.deepEqual(service.limited, [1]);
    assert.deepEqual(call.trail.fields, {
      csr: createHash("sha256").update(greedy).digest("hex"),
      trust_domain_id: "spiffe://example.org",
      expires_at: certificate.notAfter.getTime() / 1000,
    });
  });

  const bad: readonly [title: string, csr: () => Promise<Buffer>, reason: string, message: string][] = [
    ["no CSR", async () => Buffer.alloc(0), "CSR_MISSING", "missing CSR"],
    [
      "a key that its sender does not hold",
      async () => request({ signedBy: await generatePrivateKey("ec-p256") }),
      "CSR_SIGNATURE",
      "invalid CSR signature: x509: signature check failed",
    ],
  ];
  for (const [title, asked, reason, message] of bad) {
    it(`rejects ${title}`, async () => {
      const { handlers } = await fakeSvidService();
      const asking = async () =>
        handlers.newDownstreamX509CA({ csr: await asked(), preferredTtl: 0 }, fakeCall());
      assert.deepEqual(await refusal(asking), [Code.InvalidArgument, reason, message]);
    });
  }

  it("asks the limit first, and says what is missing", async () => {
    const limited = await fakeSvidService({ rateLimit: full });
    const ask = { csr, preferredTtl: 0 };
    assert.deepEqual(await refusal(() => limited.handlers.newDownstreamX509CA(ask, fakeCall())), [
      Code.ResourceExhausted,
      "RATE_LIMIT",
      "rejecting request due to downstream CA signing rate limit: no room for 1",
    ]);
    const { handlers, store } = await fakeSvidService();
    store.fail("findBundle");
    assert.deepEqual(await refusal(() => handlers.newDownstreamX509CA(ask, fakeCall())), [
      Code.Internal,
      "BUNDLE_FETCH",
      "failed to fetch bundle: datastore-fake: away",
    ]);
    store.work();
    store.bundles.clear();
    assert.deepEqual(await refusal(() => handlers.newDownstreamX509CA(ask, fakeCall())), [
      Code.NotFound,
      "BUNDLE_NOT_FOUND",
      "bundle not found",
    ]);
  });
});

describe("mintWITSVID() and batchNewWITSVID()", () => {
  it("are not offered", async () => {
    const { handlers } = await fakeSvidService();
    const disabled = [Code.Unimplemented, "WIT_DISABLED", "WIT functionality is disabled"];
    assert.deepEqual(await refusal(() => handlers.mintWITSVID({} as never, fakeCall())), disabled);
    assert.deepEqual(await refusal(() => handlers.batchNewWITSVID({} as never, fakeCall())), disabled);
  });
});
