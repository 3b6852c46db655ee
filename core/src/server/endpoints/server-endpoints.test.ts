import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, subjectAltNameExtension } from "@finial/sdk/crypto";
import { createClient, openChannel } from "@finial/sdk/internal";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, type TestCa, type TestX509Svid, testCa } from "@finial/sdk/testing";
import { credentials } from "@grpc/grpc-js";
import { authorize } from "../authorization/authorize.ts";
import { type Authorized, findAuthorized } from "../authorization/caller.ts";
import { BundleCache } from "../bundle/bundle-cache.ts";
import { fakeAuthorities, fakeSurroundings } from "../ca/fake-authorities.ts";
import { X509SvidIssuer } from "../ca/x509-svid-issuer.ts";
import { FakeDataStore } from "../facade/fake-datastore.ts";
import { AttestedNodes } from "../node/attested-nodes.ts";
import { ServerEndpoints } from "./server-endpoints.ts";
import { ServerIdentity } from "./server-identity.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-endpoints-"));
after(() => rmSync(folder, { recursive: true }));
let sockets = 0;

/** The client's TLS goes by the machine's own time. */
const clock = new FakeClock(new Date());
const operatorId = parseSpiffeId("spiffe://elsewhere.org/operator");
let ca: TestCa;
let foreignCa: TestCa;

before(async () => {
  ca = await testCa({ clock });
  foreignCa = await testCa({ clock, trustDomain: "elsewhere.org" });
});

/** Both doors of a server that notes who was let through to what. */
async function open() {
  const store = new FakeDataStore();
  await store.setBundle(ca.bundle);
  await store.setBundle(foreignCa.bundle);
  const logger = captureLog();
  const issuer = new X509SvidIssuer(await fakeAuthorities(ca, clock), fakeSurroundings(ca, clock));
  const identity = await ServerIdentity.issue({ issuer, keyType: "ec-p256", clock, logger });
  const nodes = new AttestedNodes(store, { clock, logger });
  const reached: Authorized[] = [];
  const note = (_: unknown, context: Parameters<typeof findAuthorized>[0]) => {
    reached.push(findAuthorized(context) ?? assert.fail("not authorized"));
    return {};
  };
  const socketPath = join(folder, `${sockets++}`, "api.sock");
  const endpoints = await ServerEndpoints.start({
    bindAddress: "127.0.0.1",
    bindPort: 0,
    socketPath,
    trustDomain: ca.trustDomain,
    adminIds: [operatorId],
    identity,
    bundles: new BundleCache(store, clock),
    handlers: {
      agent: { countAgents: note, postStatus: note } as never,
      bundle: { getBundle: note } as never,
      entry: {} as never,
      svid: {} as never,
      plugin: { listPlugins: note } as never,
      health: { check: note } as never,
    },
    interceptors: (callerOf) => [authorize({ callerOf, adminIds: [operatorId], store, nodes, clock })],
    clock,
    logger,
  });
  return {
    store,
    logger,
    endpoints,
    port: endpoints.port,
    socketPath,
    reached,
    [Symbol.asyncDispose]: () => endpoints[Symbol.asyncDispose](),
  };
}

type Doors = Awaited<ReturnType<typeof open>>;
type Method = "getBundle" | "countAgents" | "postStatus" | "check";

/** Calls over TCP with this SVID, or none. @returns as what it was let in, or why not. */
async function call({ port, reached }: Doors, method: Method, svid?: TestX509Svid): Promise<string> {
  const tls = credentials.createSsl(
    Buffer.from(ca.rootPem),
    svid && Buffer.from(svid.keyPem),
    svid && Buffer.from(svid.chainPem),
    { checkServerIdentity: () => undefined },
  );
  // Node refuses an IP address for a server's name.
  using channel = openChannel(`127.0.0.1:${port}`, tls, {
    "grpc.ssl_target_name_override": "localhost",
  });
  return await outcome(reached, () => ask(channel, method));
}

async function callLocally({ socketPath, reached }: Doors, method: Method): Promise<string> {
  using channel = openChannel(`unix:${socketPath}`, credentials.createInsecure());
  return await outcome(reached, () => ask(channel, method));
}

async function ask(channel: ReturnType<typeof openChannel>, method: Method): Promise<unknown> {
  const options = { deadlineMs: 10_000 };
  if (method === "getBundle") return await createClient(BundleDefinition, channel).getBundle({}, options);
  if (method === "check") return await createClient(HealthDefinition, channel).check({}, options);
  return await createClient(AgentDefinition, channel)[method]({}, options);
}

async function outcome(reached: readonly Authorized[], work: () => Promise<unknown>): Promise<string> {
  const before = reached.length;
  try {
    await work();
    return reached[before]?.as ?? "nobody";
  } catch (error) {
    assert.equal(reached.length, before, "it was let through, and refused");
    const { code } = StatusError.from(error);
    return Object.entries(Code).find(([, number]) => number === code)?.[0] ?? "?";
  }
}

describe("ServerEndpoints", () => {
  const callers: readonly [
    title: string,
    svid: () => Promise<TestX509Svid | undefined>,
    outcomes: Readonly<Record<Exclude<Method, "check">, string>>,
  ][] = [
    [
      "without a certificate",
      async () => undefined,
      { getBundle: "any", countAgents: "PermissionDenied", postStatus: "PermissionDenied" },
    ],
    [
      "an attested agent",
      async () => ca.x509Svid("/spire/agent/a"),
      { getBundle: "any", countAgents: "PermissionDenied", postStatus: "agent" },
    ],
    [
      "a workload",
      async () => ca.x509Svid("/db"),
      { getBundle: "any", countAgents: "PermissionDenied", postStatus: "PermissionDenied" },
    ],
    [
      "an agent below an intermediate",
      async () => (await ca.intermediate("between")).x509Svid("/spire/agent/a"),
      { getBundle: "any", countAgents: "PermissionDenied", postStatus: "agent" },
    ],
    [
      "an administrator of another trust domain",
      async () => foreignCa.x509Svid("/operator"),
      { getBundle: "any", countAgents: "admin", postStatus: "PermissionDenied" },
    ],
    [
      "another of that trust domain",
      async () => foreignCa.x509Svid("/other"),
      { getBundle: "Unavailable", countAgents: "Unavailable", postStatus: "Unavailable" },
    ],
    [
      "one who made itself a certificate",
      async () => (await testCa({ clock })).x509Svid("/spire/agent/a"),
      { getBundle: "Unavailable", countAgents: "Unavailable", postStatus: "Unavailable" },
    ],
    [
      "one who signed itself an administrator's",
      async () => (await testCa({ clock, trustDomain: "elsewhere.org" })).x509Svid("/operator"),
      { getBundle: "Unavailable", countAgents: "Unavailable", postStatus: "Unavailable" },
    ],
    [
      "one whose administrator's ID is signed by this trust domain's CA",
      async () => {
        const names = subjectAltNameExtension({ uris: [operatorId.toString()], dnsNames: [] }, false);
        return await ca.x509Svid("/x", { extensions: [names] });
      },
      { getBundle: "Unavailable", countAgents: "Unavailable", postStatus: "Unavailable" },
    ],
    [
      "one whose SVID expired",
      async () => ca.x509Svid("/spire/agent/a", { ttlSeconds: -1 }),
      { getBundle: "Unavailable", countAgents: "Unavailable", postStatus: "Unavailable" },
    ],
  ];
  for (const [title, svidOf, outcomes] of callers) {
    it(`knows a caller over TCP: ${title}`, async () => {
      await using doors = await open();
      const svid = await svidOf();
      if (title.includes("agent")) {
        const leaf = Certificate.parse(svid?.chainDer[0] ?? Buffer.alloc(0));
        await doors.store.createNode({
          spiffeId: parseSpiffeId("spiffe://example.org/spire/agent/a"),
          attestationType: "x509pop",
          serialNumber: leaf.serialNumber.toString(),
          expiresAt: leaf.notAfter,
          newSerialNumber: "",
          newExpiresAt: undefined,
          canReattest: true,
          agentVersion: "",
          selectors: [],
        });
      }
      const actual: Record<string, string> = {};
      for (const method of ["getBundle", "countAgents", "postStatus"] as const)
        actual[method] = await call(doors, method, svid);
      assert.deepEqual(actual, outcomes);
      for (const { caller } of doors.reached) {
        assert.ok(caller.kind === "remote");
        assert.equal(caller.address, "127.0.0.1");
      }
    });
  }

  it("takes whoever comes to the socket for local, and knows the process", async () => {
    await using doors = await open();
    assert.deepEqual(
      [await callLocally(doors, "countAgents"), await callLocally(doors, "postStatus")],
      ["local", "PermissionDenied"],
    );
    const [local] = doors.reached;
    assert.deepEqual(local?.caller, {
      kind: "local",
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
  });

  it("tells of its health at the socket alone", async () => {
    await using doors = await open();
    assert.deepEqual(
      [await callLocally(doors, "check"), await call(doors, "check")],
      ["local", "Unimplemented"],
    );
  });

  it("trusts a revoked authority no longer than a second", async () => {
    await using doors = await open();
    const svid = await foreignCa.x509Svid("/operator");
    assert.equal(await call(doors, "countAgents", svid), "admin");
    await doors.store.setBundle({ ...foreignCa.bundle, x509Authorities: [] });
    await clock.advance(1000);
    assert.equal(await call(doors, "countAgents", svid), "Unavailable");
    const refusals = doors.logger.lines.filter(({ message }) => message === "Connection refused");
    assert.ok(refusals.length > 0);
  });

  it("lets nobody in with a certificate while the bundle cannot be read, and everybody again afterwards", async () => {
    await using doors = await open();
    const svid = await foreignCa.x509Svid("/operator");
    doors.store.fail("findBundle");
    assert.equal(await call(doors, "countAgents", svid), "Unavailable");
    doors.store.work();
    assert.equal(await call(doors, "countAgents", svid), "admin");
  });

  it("shows an SVID of its own", async () => {
    await using doors = await open();
    const socket = connect({
      host: "127.0.0.1",
      port: doors.port,
      ca: ca.rootPem,
      ALPNProtocols: ["h2"],
      checkServerIdentity: () => undefined,
    });
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    assert.equal(socket.authorized, true);
    assert.equal(socket.getPeerX509Certificate()?.subjectAltName, "URI:spiffe://example.org/spire/server");
    socket.destroy();
  });

  it("stops: takes no more connections, and leaves no socket", async () => {
    const doors = await open();
    await doors.endpoints[Symbol.asyncDispose]();
    assert.equal(await call(doors, "getBundle"), "Unavailable");
    assert.equal(await callLocally(doors, "countAgents"), "Unavailable");
    assert.deepEqual(
      doors.logger.lines
        .filter(({ message }) => message.includes("Server APIs"))
        .map(({ message }) => message),
      ["Starting Server APIs", "Starting Server APIs", "Stopping Server APIs", "Server APIs have stopped"],
    );
  });
});
