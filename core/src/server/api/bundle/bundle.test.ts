import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  AppendBundleRequest,
  type BatchDeleteFederatedBundleRequest_Mode,
  ListFederatedBundlesRequest,
} from "@finial/proto/api/server/bundle/v1/bundle";
import { BundleMask, JWTKey, Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { Code, StatusError } from "@finial/sdk";
import { type Bundle, type JwtAuthority, parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import { fakeCall } from "../fake-call.ts";
import { makeBundleHandlers } from "./handlers.ts";
import type { BundleService } from "./service.ts";

/** A self-signed certificate, and a P-256 key. */
const certificateDer = Buffer.from(
  "MIIBnDCCAUKgAwIBAgIUQPUNnL0HMZmcEb/mUcxRlQf1ZCEwCgYIKoZIzj0EAwIwEjEQMA4GA1UECgwHZXhhbXBsZTAgFw0yNjExMjQxMzM0NDhaGA8yMTI2MTAzMTEzMzQ0OFowEjEQMA4GA1UECgwHZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD9zkuYneZc6nrKRShoPh4hZiG4jjlCpsdrWh4nLhoMf40kZ9AEIr/XivQb8Pb/vNNoyiOHI0G6RWJeEN/HCf4ijdDByMB0GA1UdDgQWBBRW6IqnjLS03vKaPiPX+0npMXPeHTAfBgNVHSMEGDAWgBRW6IqnjLS03vKaPiPX+0npMXPeHTAPBgNVHRMBAf8EBTADAQH/MB8GA1UdEQQYMBaGFHNwaWZmZTovL2V4YW1wbGUub3JnMAoGCCqGSM49BAMCA0gAMEUCIQDxbJBydYiABo8wRpGyqRESyBeoEJAQgyA5LgI4ZJfTvAIgfI6qKJ3gQDYLyE0z7FztcqCDXzM2A/CAItseZKmOcQc=",
  "base64",
);
const publicKey = Buffer.from(
  "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEP3OS5id5lzqespFKGg+HiFmIbiOOUKmx2taHicuGgx/jSRn0AQiv9eK9Bvw9v+802jKI4cjQbpFYl4Q38cJ/iA==",
  "base64",
);
const own = parseTrustDomain("example.org");
const other = parseTrustDomain("other.org");
const away = new StatusError(Code.Unavailable, "AWAY", "datastore-sql: away");
const notFound = new StatusError(Code.NotFound, "X", "datastore-sql: record not found");

const bundle: Bundle = {
  trustDomain: other,
  x509Authorities: [{ certificateDer, tainted: false }],
  jwtAuthorities: [
    { keyId: "k", publicKeyPkixDer: publicKey, expiresAt: new Date(1_700_000_000_000), tainted: false },
  ],
  refreshHintSeconds: 60,
  sequenceNumber: 4,
};

const wire = WireBundle.fromPartial({
  trustDomain: "other.org",
  x509Authorities: [{ asn1: certificateDer }],
  jwtAuthorities: [{ keyId: "k", publicKey, expiresAt: 1_700_000_000 }],
  refreshHint: 60,
  sequenceNumber: 4,
});

const ok = { code: 0, message: "OK" };

function unexpected(): never {
  throw new Error("not expected to be called");
}

/** Handlers over a store of which only the given calls are expected. */
function serve(
  store: Partial<BundleService["store"]> = {},
  parts: Partial<Pick<BundleService, "publishJwtKey" | "rateLimit">> = {},
) {
  const logger = captureLog();
  const handlers = makeBundleHandlers({
    store: {
      countBundles: unexpected,
      findBundle: unexpected,
      listBundles: unexpected,
      appendBundle: unexpected,
      createBundle: unexpected,
      updateBundle: unexpected,
      setBundle: unexpected,
      deleteBundle: unexpected,
      ...store,
    },
    trustDomain: own,
    publishJwtKey: parts.publishJwtKey ?? unexpected,
    rateLimit: parts.rateLimit ?? (async () => undefined),
    logger,
  });
  return { handlers, logger, call: fakeCall() };
}

async function refusal(call: () => unknown): Promise<[code: Code, message: string]> {
  try {
    await call();
  } catch (error) {
    const { code, message } = StatusError.from(error);
    return [code, message];
  }
  return assert.fail("it succeeded");
}

describe("countBundles()", () => {
  it("counts, or says why it cannot", async () => {
    const { handlers, call } = serve({ countBundles: async () => 3 });
    assert.deepEqual(await handlers.countBundles({}, call), { count: 3 });
    const broken = serve({ countBundles: () => Promise.reject(away) });
    assert.deepEqual(await refusal(() => broken.handlers.countBundles({}, call)), [
      Code.Internal,
      "failed to count bundles: datastore-sql: away",
    ]);
  });
});

describe("getBundle()", () => {
  it("gives the server's own, masked", async () => {
    const { handlers, call } = serve({
      findBundle: async (trustDomain) => ({ ...bundle, trustDomain }),
    });
    const outputMask = BundleMask.fromPartial({ refreshHint: true });
    assert.deepEqual(
      await handlers.getBundle({ outputMask }, call),
      WireBundle.fromPartial({ trustDomain: "example.org", refreshHint: 60 }),
    );
    assert.deepEqual(call.trail.fields, { trust_domain_id: "example.org" });
  });

  it("rejects when there is none, or the store fails", async () => {
    const get = ({ handlers, call }: ReturnType<typeof serve>) =>
      refusal(() => handlers.getBundle({ outputMask: undefined }, call));
    assert.deepEqual(await get(serve({ findBundle: async () => undefined })), [
      Code.NotFound,
      "bundle not found",
    ]);
    assert.deepEqual(await get(serve({ findBundle: () => Promise.reject(away) })), [
      Code.Internal,
      "failed to fetch bundle: datastore-sql: away",
    ]);
  });
});

describe("getFederatedBundle()", () => {
  it("gives another trust domain's", async () => {
    const { handlers, call } = serve({
      findBundle: async (name) => (name.equals(other) ? bundle : undefined),
    });
    const request = { trustDomain: "spiffe://other.org", outputMask: undefined };
    assert.deepEqual(await handlers.getFederatedBundle(request, call), wire);
  });

  const refused: readonly [trustDomain: string, code: Code, message: string][] = [
    ["", Code.InvalidArgument, "trust domain argument is not valid: trust domain is missing"],
    [
      "example.org",
      Code.InvalidArgument,
      "getting a federated bundle for the server's own trust domain is not allowed",
    ],
    ["third.org", Code.NotFound, "bundle not found"],
  ];
  for (const [trustDomain, code, message] of refused) {
    it(`rejects "${trustDomain}"`, async () => {
      const { handlers, call } = serve({ findBundle: async () => undefined });
      const request = { trustDomain, outputMask: undefined };
      assert.deepEqual(await refusal(() => handlers.getFederatedBundle(request, call)), [code, message]);
    });
  }
});

describe("appendBundle()", () => {
  it("adds authorities to the server's own, untainted, whatever the caller says", async () => {
    const asked: Bundle[] = [];
    const { handlers, call } = serve({
      appendBundle: async (addition) => {
        asked.push(addition);
        return { ...bundle, trustDomain: own };
      },
    });
    const request = AppendBundleRequest.fromPartial({
      x509Authorities: [{ asn1: Buffer.concat([certificateDer, certificateDer]), tainted: true }],
      jwtAuthorities: [{ keyId: "k", publicKey, tainted: true }],
    });
    assert.deepEqual(await handlers.appendBundle(request, call), { ...wire, trustDomain: "example.org" });
    const added = { certificateDer, tainted: false };
    assert.deepEqual(asked, [
      {
        trustDomain: own,
        x509Authorities: [added, added],
        jwtAuthorities: [{ keyId: "k", publicKeyPkixDer: publicKey, expiresAt: undefined, tainted: false }],
        refreshHintSeconds: 0,
        sequenceNumber: 0,
      },
    ]);
    assert.deepEqual(Object.keys(call.trail.fields).sort(), [
      "jwt_authority_expires_at.0",
      "jwt_authority_key_id.0",
      "jwt_authority_public_key_sha256.0",
      "x509_authorities_asn1_sha256.0",
    ]);
  });

  const pem = Buffer.from(
    `-----BEGIN CERTIFICATE-----\n${certificateDer.toString("base64")}\n-----END CERTIFICATE-----`,
  );
  const malformed = "failed to convert X.509 authority: malformed certificate";
  const refused: readonly [
    title: string,
    request: Parameters<typeof AppendBundleRequest.fromPartial>[0],
    message: string,
  ][] = [
    ["nothing", {}, "no authorities to append"],
    ["an empty certificate", { x509Authorities: [{ asn1: Buffer.of() }] }, malformed],
    ["a PEM", { x509Authorities: [{ asn1: pem }] }, malformed],
    [
      "bytes after it",
      { x509Authorities: [{ asn1: Buffer.concat([certificateDer, Buffer.of(0)]) }] },
      malformed,
    ],
    [
      "a malformed key",
      { jwtAuthorities: [{ keyId: "k", publicKey: Buffer.of(0x30, 0) }] },
      "failed to convert JWT authority: malformed public key",
    ],
    [
      "a key without ID",
      { jwtAuthorities: [{ publicKey }] },
      "failed to convert JWT authority: missing key ID",
    ],
  ];
  for (const [title, request, message] of refused) {
    it(`rejects ${title}`, async () => {
      const { handlers, call } = serve();
      const append = () => handlers.appendBundle(AppendBundleRequest.fromPartial(request), call);
      assert.deepEqual(await refusal(append), [Code.InvalidArgument, message]);
    });
  }

  it("says why the store failed", async () => {
    const { handlers, call } = serve({ appendBundle: () => Promise.reject(away) });
    const request = AppendBundleRequest.fromPartial({ jwtAuthorities: [{ keyId: "k", publicKey }] });
    assert.deepEqual(await refusal(() => handlers.appendBundle(request, call)), [
      Code.Internal,
      "failed to append bundle: datastore-sql: away",
    ]);
  });
});

describe("publishJWTAuthority()", () => {
  const jwtAuthority = JWTKey.fromPartial({ keyId: "k", publicKey, expiresAt: 1_700_000_000 });

  it("publishes the key and answers with all", async () => {
    const published: JwtAuthority[] = [];
    const { handlers, call } = serve(
      {},
      {
        publishJwtKey: async (key) => {
          published.push(key);
          return [{ ...key, keyId: "first" }, key];
        },
      },
    );
    assert.deepEqual(await handlers.publishJWTAuthority({ jwtAuthority }, call), {
      jwtAuthorities: [{ ...jwtAuthority, keyId: "first" }, jwtAuthority],
    });
    assert.deepEqual(published, bundle.jwtAuthorities);
    assert.equal(call.trail.fields.jwt_authority_key_id, "k");
  });

  it("rejects what it cannot publish", async () => {
    const busy = new StatusError(Code.ResourceExhausted, "X", "rate (1) exceeds burst size");
    const publish = (service: ReturnType<typeof serve>, key: JWTKey | undefined) =>
      refusal(() => service.handlers.publishJWTAuthority({ jwtAuthority: key }, service.call));
    assert.deepEqual(await publish(serve(), undefined), [Code.InvalidArgument, "missing JWT authority"]);
    assert.deepEqual(await publish(serve(), { ...jwtAuthority, keyId: "" }), [
      Code.InvalidArgument,
      "invalid JWT authority: missing key ID",
    ]);
    assert.deepEqual(await publish(serve({}, { publishJwtKey: () => Promise.reject(away) }), jwtAuthority), [
      Code.Internal,
      "failed to publish JWT key: datastore-sql: away",
    ]);
    assert.deepEqual(await publish(serve({}, { rateLimit: () => Promise.reject(busy) }), jwtAuthority), [
      Code.ResourceExhausted,
      "rejecting request due to key publishing rate limiting: rate (1) exceeds burst size",
    ]);
  });
});

describe("publishWITAuthority()", () => {
  it("is not there, as in SPIRE", async () => {
    const { handlers, call } = serve();
    assert.deepEqual(await refusal(() => handlers.publishWITAuthority({ witAuthority: undefined }, call)), [
      Code.Unimplemented,
      "WIT-SVID functionality is not yet implemented",
    ]);
  });
});

describe("listFederatedBundles()", () => {
  it("gives a page without the server's own", async () => {
    const asked: unknown[] = [];
    const { handlers, call } = serve({
      listBundles: async (page) => {
        asked.push(page);
        return { items: [{ ...bundle, trustDomain: own }, bundle], nextToken: "next" };
      },
    });
    const request = ListFederatedBundlesRequest.fromPartial({ pageSize: 2, pageToken: "here" });
    const answer = { bundles: [wire], nextPageToken: "next" };
    assert.deepEqual(await handlers.listFederatedBundles(request, call), answer);
    assert.deepEqual(await handlers.listFederatedBundles(ListFederatedBundlesRequest.create(), call), answer);
    assert.deepEqual(asked, [{ size: 2, token: "here" }, undefined]);
  });

  it("says why the store failed", async () => {
    const { handlers, call } = serve({ listBundles: () => Promise.reject(away) });
    const list = () => handlers.listFederatedBundles(ListFederatedBundlesRequest.create(), call);
    assert.deepEqual(await refusal(list), [Code.Internal, "failed to list bundles: datastore-sql: away"]);
  });
});

/** What the three batches that write have in common. */
const writes = [
  {
    method: "batchCreateFederatedBundle",
    call: "createBundle",
    doing: "creating",
    failed: "unable to create bundle",
  },
  {
    method: "batchUpdateFederatedBundle",
    call: "updateBundle",
    doing: "updating",
    failed: "failed to update bundle",
  },
  { method: "batchSetFederatedBundle", call: "setBundle", doing: "setting", failed: "failed to set bundle" },
] as const;

for (const { method, call, doing, failed } of writes) {
  describe(`${method}()`, () => {
    it("answers each bundle in order, whatever becomes of the others", async () => {
      const asked: Bundle[] = [];
      const service = serve({
        [call]: async (item: Bundle) => {
          asked.push(item);
          if (item.trustDomain.name === "broken.org") throw away;
          return item;
        },
      });
      const request = {
        bundle: [
          wire,
          { ...wire, trustDomain: "" },
          { ...wire, trustDomain: "example.org" },
          { ...wire, x509Authorities: [{ asn1: Buffer.of(1), tainted: false }] },
          { ...wire, jwtAuthorities: [{ ...JWTKey.create(), publicKey }] },
          { ...wire, trustDomain: "broken.org" },
        ],
        inputMask: undefined,
        outputMask: undefined,
      };
      const refused = (code: Code, message: string) => ({ status: { code, message }, bundle: undefined });
      assert.deepEqual(await service.handlers[method](request, service.call), {
        results: [
          { status: ok, bundle: wire },
          refused(3, "trust domain argument is not valid: trust domain is missing"),
          refused(3, `${doing} a federated bundle for the server's own trust domain is not allowed`),
          refused(3, "failed to convert bundle: unable to parse X.509 authority: malformed certificate"),
          refused(3, "failed to convert bundle: unable to parse JWT authority: missing key ID"),
          refused(13, `${failed}: datastore-sql: away`),
        ],
      });
      assert.deepEqual(asked[0], bundle);
      assert.equal(asked.length, 2);
      assert.equal(service.call.trail.items.length, 6);
      assert.equal(service.logger.lines.length, 5);
    });
  });
}

describe("batchCreateFederatedBundle()", () => {
  it("says so when there is one", async () => {
    const taken = new StatusError(Code.AlreadyExists, "X", "datastore-sql: UNIQUE constraint failed");
    const { handlers, call } = serve({ createBundle: () => Promise.reject(taken) });
    assert.deepEqual(
      await handlers.batchCreateFederatedBundle({ bundle: [wire], outputMask: undefined }, call),
      {
        results: [{ status: { code: 6, message: "bundle already exists" }, bundle: undefined }],
      },
    );
  });
});

describe("batchUpdateFederatedBundle()", () => {
  const fields = {
    x509Authorities: ["x509Authorities"],
    jwtAuthorities: ["jwtAuthorities"],
    refreshHint: ["refreshHintSeconds"],
    sequenceNumber: ["sequenceNumber"],
    witAuthorities: [],
  };
  for (const [field, expected] of Object.entries(fields)) {
    it(`with ${field} updates ${expected[0] ?? "nothing"}`, async () => {
      const asked: unknown[] = [];
      const { handlers, call } = serve({
        updateBundle: async (item, mask) => {
          asked.push(...(mask ?? ["everything"]));
          return item;
        },
      });
      const inputMask = BundleMask.fromPartial({ [field]: true });
      await handlers.batchUpdateFederatedBundle({ bundle: [wire], inputMask, outputMask: inputMask }, call);
      assert.deepEqual(asked, expected);
    });
  }

  it("says so when there is none", async () => {
    const { handlers, call } = serve({ updateBundle: () => Promise.reject(notFound) });
    const request = { bundle: [wire], inputMask: undefined, outputMask: undefined };
    assert.deepEqual(await handlers.batchUpdateFederatedBundle(request, call), {
      results: [{ status: { code: 5, message: "bundle not found" }, bundle: undefined }],
    });
  });
});

describe("batchDeleteFederatedBundle()", () => {
  it("answers each trust domain in order", async () => {
    const asked: unknown[] = [];
    const inUse = new StatusError(Code.FailedPrecondition, "X", "datastore-sql: cannot delete bundle");
    const { handlers, call } = serve({
      deleteBundle: async ({ name }, mode) => {
        asked.push([name, mode]);
        if (name === "gone.org") throw notFound;
        if (name === "used.org") throw inUse;
      },
    });
    const trustDomains = ["other.org", "", "example.org", "gone.org", "used.org"];
    assert.deepEqual(await handlers.batchDeleteFederatedBundle({ trustDomains, mode: 0 }, call), {
      results: [
        { trustDomain: "other.org", status: ok },
        {
          trustDomain: "",
          status: { code: 3, message: "trust domain argument is not valid: trust domain is missing" },
        },
        {
          trustDomain: "example.org",
          status: { code: 3, message: "removing the bundle for the server trust domain is not allowed" },
        },
        { trustDomain: "gone.org", status: { code: 5, message: "bundle not found" } },
        {
          trustDomain: "used.org",
          status: {
            code: 9,
            message: "failed to delete federated bundle: datastore-sql: cannot delete bundle",
          },
        },
      ],
    });
    await handlers.batchDeleteFederatedBundle({ trustDomains: ["a.org"], mode: 1 }, call);
    await handlers.batchDeleteFederatedBundle({ trustDomains: ["b.org"], mode: 2 }, call);
    assert.deepEqual(asked, [
      ["other.org", "restrict"],
      ["gone.org", "restrict"],
      ["used.org", "restrict"],
      ["a.org", "delete"],
      ["b.org", "dissociate"],
    ]);
  });

  it("rejects a mode without meaning", async () => {
    const { handlers, call } = serve();
    const mode = 7 as BatchDeleteFederatedBundleRequest_Mode;
    assert.deepEqual(
      await refusal(() => handlers.batchDeleteFederatedBundle({ trustDomains: [], mode }, call)),
      [Code.InvalidArgument, 'failed to parse deletion mode: unhandled delete mode "7"'],
    );
  });
});
