import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { Entry } from "@finial/proto/api/types/entry";
import { Code, StatusError } from "@finial/sdk";
import type { Handlers } from "@finial/sdk/internal";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { toWireBundle } from "../../kernel/convert/bundle.ts";
import { attestedServerApi } from "./attested-server-api.ts";
import { FakeServer } from "./fake-server.ts";
import { ServerConnection } from "./server-connection.ts";

const clock = new FakeClock();
const ca = await testCa({ clock });
const foreign = await testCa({ clock, trustDomain: "b.example.org" });
const identity = await ca.x509Svid("/spire/server");
const { signal } = new AbortController();

interface Services {
  readonly agent?: Partial<Handlers<typeof AgentDefinition>>;
  readonly bundle?: Partial<Handlers<typeof BundleDefinition>>;
  readonly entry?: Partial<Handlers<typeof EntryDefinition>>;
  readonly svid?: Partial<Handlers<typeof SVIDDefinition>>;
}

async function start({ agent = {}, bundle = {}, entry = {}, svid = {} }: Services) {
  await using stack = new AsyncDisposableStack();
  const logger = captureLog();
  const server = await stack
    .use(new FakeServer(captureLog()))
    .serve(AgentDefinition, agent)
    .serve(BundleDefinition, bundle)
    .serve(EntryDefinition, entry)
    .serve(SVIDDefinition, svid)
    .show(identity);
  const connection = stack.use(new ServerConnection(server, { identity: () => undefined, verify: () => {} }));
  const owned = stack.move();
  return {
    api: attestedServerApi(connection, logger),
    logger,
    server,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const refuse = (code: Code, message: string) => () => {
  throw new StatusError(code, "X", message);
};

const complaint =
  "Received malformed bundle from SPIRE server; are the server and agent versions compatible?";
const malformedBundles = [
  { title: "a certificate", wire: { x509Authorities: [{ asn1: Buffer.from("x"), tainted: false }] } },
  {
    title: "a key",
    wire: { jwtAuthorities: [{ keyId: "k", publicKey: Buffer.from("x"), expiresAt: 0, tainted: false }] },
  },
  { title: "the trust domain", wire: { trustDomain: "NO" } },
];

describe("attestedServerApi()", () => {
  it("gets entries one by one, without those that are malformed", async () => {
    const good = Entry.fromPartial({
      id: "a",
      spiffeId: { trustDomain: "example.org", path: "/a" },
      selectors: [{ type: "x", value: "a" }],
    });
    const entry = { getAuthorizedEntries: () => ({ entries: [good, { ...good, id: "b", selectors: [] }] }) };
    await using opened = await start({ entry });
    const entries = await opened.api.getEntries({ signal });
    assert.deepEqual([...entries.keys()], ["a"]);
    assert.deepEqual(
      opened.logger.lines.map(({ fields }) => fields),
      [{ entry_id: "b", error: "selector list is empty" }],
    );
  });

  it("gets bundles, with what is tainted in them", async () => {
    const own = {
      ...ca.bundle,
      x509Authorities: [{ certificateDer: ca.rootDer, tainted: true }],
      refreshHintSeconds: 5,
    };
    await using opened = await start({
      bundle: {
        getBundle: () => toWireBundle(own),
        getFederatedBundle: ({ trustDomain }) =>
          trustDomain === "b.example.org"
            ? toWireBundle(foreign.bundle)
            : refuse(Code.NotFound, "bundle not found")(),
      },
    });
    const { api, logger } = opened;
    assert.deepEqual(await api.findBundle({ signal }), own);
    assert.deepEqual(await api.findFederatedBundle(foreign.trustDomain, { signal }), foreign.bundle);
    assert.equal(await api.findFederatedBundle(parseTrustDomain("c.example.org"), { signal }), undefined);
    assert.deepEqual(logger.lines, [
      {
        level: "warn",
        message: "Federated bundle not found",
        fields: { federated_bundle: "spiffe://c.example.org", error: "bundle not found" },
      },
    ]);
  });

  for (const { title, wire } of malformedBundles)
    it(`trusts no bundle with a malformed part: ${title}`, async () => {
      const malformed = { ...toWireBundle(foreign.bundle), ...wire };
      await using opened = await start({
        bundle: { getBundle: () => malformed, getFederatedBundle: () => malformed },
      });
      const { api, logger } = opened;
      assert.equal(await api.findBundle({ signal }), undefined);
      assert.equal(await api.findFederatedBundle(foreign.trustDomain, { signal }), undefined);
      assert.deepEqual(
        logger.lines.map(({ level, message }) => [level, message]),
        [
          ["warn", complaint],
          ["warn", complaint],
        ],
      );
    });

  it("has X.509-SVIDs issued, and leaves out and logs those refused", async () => {
    const { chainDer } = await ca.x509Svid("/a");
    const requests: unknown[] = [];
    const svidOf = (certChain: readonly Buffer[]) => ({ certChain: [...certChain], expiresAt: 0 });
    await using opened = await start({
      svid: {
        batchNewX509SVID: ({ params }) => {
          requests.push(...params);
          return {
            results: [
              { status: { code: 0, message: "OK" }, svid: svidOf(chainDer) },
              { status: { code: 5, message: "entry not found or not authorized" } },
              { status: { code: 0, message: "OK" }, svid: svidOf([]) },
              { status: { code: 7, message: "odd" }, svid: svidOf(chainDer) },
              { status: { code: 0, message: "OK" }, svid: svidOf(chainDer) },
            ],
          };
        },
      },
    });
    const { api, logger } = opened;
    const asked = ["a", "b", "c", "d"].map((entryId) => ({ entryId, csrDer: Buffer.from(entryId) }));
    assert.deepEqual(await api.newX509Svids(asked, { signal }), new Map([["a", chainDer]]));
    assert.deepEqual(
      requests,
      asked.map(({ entryId, csrDer }) => ({ entryId, csr: csrDer })),
    );
    assert.deepEqual(
      logger.lines,
      [
        { entry_id: "b", status: 5, error: "entry not found or not authorized" },
        { entry_id: "c", status: 0, error: "OK" },
        { entry_id: "d", status: 7, error: "odd" },
      ].map((fields) => ({ level: "warn", message: "Failed to mint X509 SVID", fields })),
    );
  });

  const token = ca.jwtSvid("/a", { audience: ["x"] });
  const jwtSvid = {
    token,
    id: { trustDomain: "example.org", path: "/a" },
    issuedAt: 1767225600,
    expiresAt: 1767229200,
    hint: "",
  };

  it("has a JWT-SVID issued", async () => {
    const requests: unknown[] = [];
    await using opened = await start({
      svid: {
        newJWTSVID: (request) => {
          requests.push(request);
          return { svid: jwtSvid };
        },
      },
    });
    const asked = { entryId: "a", audience: ["x", "y"], timeoutMs: 5000 };
    const { spiffeId, ...rest } = await opened.api.newJwtSvid(asked, { signal });
    assert.equal(spiffeId.toString(), "spiffe://example.org/a");
    assert.deepEqual(rest, {
      token,
      keyId: "test-jwt-key",
      issuedAt: new Date("2026-01-01T00:00:00Z"),
      expiresAt: new Date("2026-01-01T01:00:00Z"),
    });
    assert.deepEqual(requests, [{ entryId: "a", audience: ["x", "y"] }]);
  });

  const malformedTokens = [
    { title: "none", svid: undefined, message: "JWTSVID response missing SVID" },
    { title: "without a beginning", svid: { ...jwtSvid, issuedAt: 0 }, message: "JWTSVID missing issued at" },
    { title: "without an end", svid: { ...jwtSvid, expiresAt: 0 }, message: "JWTSVID missing expires at" },
    {
      title: "that ends before it begins",
      svid: { ...jwtSvid, expiresAt: 1 },
      message: "JWTSVID issued after it has expired",
    },
    {
      title: "whose token is none",
      svid: { ...jwtSvid, token: "x" },
      message: "unable to parse JWT token: not in compact form",
    },
    {
      title: "whose token is for another ID",
      svid: { ...jwtSvid, token: ca.jwtSvid("/b", { audience: ["x"] }) },
      message: 'JWTSVID is for "spiffe://example.org/b", not "spiffe://example.org/a"',
    },
  ];
  for (const { title, svid, message } of malformedTokens)
    it(`refuses a JWT-SVID ${title}`, async () => {
      await using opened = await start({ svid: { newJWTSVID: () => ({ svid }) } });
      const asked = { entryId: "a", audience: ["x"], timeoutMs: 5000 };
      await assert.rejects(opened.api.newJwtSvid(asked, { signal }), {
        message: `failed to fetch JWT SVID: ${message}`,
      });
    });

  it("waits for a JWT-SVID as long as it is told to, and no longer", async () => {
    await using opened = await start({
      svid: {
        newJWTSVID: (_, call) =>
          new Promise((resolve) => call.signal.addEventListener("abort", () => resolve({}))),
      },
    });
    const asked = { entryId: "a", audience: ["x"], timeoutMs: 50 };
    await assert.rejects(opened.api.newJwtSvid(asked, { signal }), { code: Code.DeadlineExceeded });
  });

  it("renews the agent, and tells its version", async () => {
    const { chainDer } = await ca.x509Svid("/spire/agent/a");
    const requests: unknown[] = [];
    await using opened = await start({
      agent: {
        renewAgent: ({ params }) => {
          requests.push(params);
          return { svid: { certChain: [...chainDer] } };
        },
        postStatus: (request) => {
          requests.push(request);
          return {};
        },
      },
    });
    assert.deepEqual(await opened.api.renewAgent(Buffer.from("csr"), { signal }), chainDer);
    await opened.api.postStatus("1.2.3", { signal });
    assert.deepEqual(requests, [
      { csr: Buffer.from("csr") },
      { agentVersion: "1.2.3", currentBundleSerial: 0 },
    ]);
  });

  for (const svid of [undefined, { certChain: [] }])
    it(`refuses a renewal with ${svid === undefined ? "no" : "an empty"} SVID`, async () => {
      await using opened = await start({ agent: { renewAgent: () => ({ svid }) } });
      await assert.rejects(opened.api.renewAgent(Buffer.from("csr"), { signal }), {
        code: Code.Internal,
        message: "failed to renew agent: the server's answer has no SVID",
      });
    });

  const prefixes = [
    { method: "syncEntries", prefix: "failed to fetch authorized entries: " },
    { method: "getEntries", prefix: "failed to fetch authorized entries: " },
    { method: "findBundle", prefix: "failed to fetch bundle: " },
    { method: "findFederatedBundle", prefix: "failed to fetch federated bundle: " },
    { method: "newX509Svids", prefix: "failed to batch new X509 SVID(s): " },
    { method: "newJwtSvid", prefix: "failed to fetch JWT SVID: " },
    { method: "postStatus", prefix: "failed to post agent status: " },
    { method: "renewAgent", prefix: "failed to renew agent: " },
  ] as const;
  const calls = (
    api: ReturnType<typeof attestedServerApi>,
  ): Record<(typeof prefixes)[number]["method"], () => Promise<unknown>> => ({
    syncEntries: () => api.syncEntries(new Map(), { signal }),
    getEntries: () => api.getEntries({ signal }),
    findBundle: () => api.findBundle({ signal }),
    findFederatedBundle: () => api.findFederatedBundle(foreign.trustDomain, { signal }),
    newX509Svids: () => api.newX509Svids([], { signal }),
    newJwtSvid: () => api.newJwtSvid({ entryId: "a", audience: [], timeoutMs: 5000 }, { signal }),
    postStatus: () => api.postStatus("1", { signal }),
    renewAgent: () => api.renewAgent(Buffer.from("csr"), { signal }),
  });
  /** Every method fails so. */
  const failing = (code: Code): Services => {
    const no = refuse(code, "no");
    return {
      agent: { renewAgent: no, postStatus: no },
      bundle: { getBundle: no, getFederatedBundle: no },
      // A stream's failure comes with its first answer.
      entry: { getAuthorizedEntries: no, syncAuthorizedEntries: no },
      svid: { batchNewX509SVID: no, newJWTSVID: no },
    };
  };

  it("says of each failure what failed, and keeps the server's code", async () => {
    await using opened = await start(failing(Code.PermissionDenied));
    const { api, server } = opened;
    for (const { method, prefix } of prefixes)
      await assert.rejects(calls(api)[method](), { code: Code.PermissionDenied, message: `${prefix}no` });
    assert.equal(server.clients.length, 1, "another connection would not help");
  });

  for (const code of [Code.Unavailable, Code.DeadlineExceeded, Code.Unauthenticated])
    it(`connects anew after a failure that another connection may cure (code ${code})`, async () => {
      await using opened = await start(failing(code));
      const { api, server } = opened;
      await assert.rejects(api.findBundle({ signal }), { code });
      await assert.rejects(api.findBundle({ signal }), { code });
      assert.equal(server.clients.length, 2);
    });

  it("stops when it is told to", async () => {
    const asked = Promise.withResolvers<void>();
    await using opened = await start({
      bundle: {
        getBundle: (_, call) => {
          asked.resolve();
          return new Promise((resolve) => call.signal.addEventListener("abort", () => resolve({})));
        },
      },
    });
    const stop = new AbortController();
    const calling = opened.api.findBundle({ signal: stop.signal });
    await asked.promise;
    stop.abort();
    await assert.rejects(calling, { code: Code.Cancelled });
  });
});
