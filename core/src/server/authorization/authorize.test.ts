import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { PluginDefinition } from "@finial/proto/api/plugin/v1/plugin";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { DebugDefinition } from "@finial/proto/api/server/debug/v1/debug";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { LocalAuthorityDefinition } from "@finial/proto/api/server/localauthority/v1/localauthority";
import { LoggerDefinition } from "@finial/proto/api/server/logger/v1/logger";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { TrustDomainDefinition } from "@finial/proto/api/server/trustdomain/v1/trustdomain";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { Certificate } from "@finial/sdk/crypto";
import { parseSpiffeId, type RegistrationEntry, type SpiffeId } from "@finial/sdk/spiffe";
import { captureLog, FakeClock, testCa } from "@finial/sdk/testing";
import { findDenialReason } from "../../kernel/convert/permission-denied.ts";
import { fakeCall } from "../api/fake-call.ts";
import type { AttestedNode } from "../facade/datastore.ts";
import { FakeDataStore, storeAway } from "../facade/fake-datastore.ts";
import { AttestedNodes } from "../node/attested-nodes.ts";
import { authorize } from "./authorize.ts";
import { type Caller, findAuthorized } from "./caller.ts";
import { audienceOf, type CallerKind } from "./policy.ts";

const renewAgent = "/spire.api.server.agent.v1.Agent/RenewAgent";
const listAgents = "/spire.api.server.agent.v1.Agent/ListAgents";
const agentId = parseSpiffeId("spiffe://example.org/spire/agent/a");
const local: Caller = { kind: "local", pid: 1, uid: 2, gid: 3 };
const stranger: Caller = { kind: "remote", address: "10.0.0.1", port: 7, svid: undefined };

let svid: Certificate;
let next: Certificate;

before(async () => {
  const ca = await testCa({ clock: new FakeClock() });
  const issue = async (): Promise<Certificate> => {
    const { chainDer } = await ca.x509Svid("/spire/agent/a");
    return Certificate.parse(chainDer[0] ?? Buffer.alloc(0));
  };
  svid = await issue();
  next = await issue();
});

function remote(id: SpiffeId | string, leaf: Certificate = svid): Caller {
  const spiffeId = typeof id === "string" ? parseSpiffeId(id) : id;
  return { kind: "remote", address: "10.0.0.1", port: 7, svid: { id: spiffeId, leaf } };
}

function node(fields: Partial<AttestedNode> = {}): AttestedNode {
  return {
    spiffeId: agentId,
    attestationType: "x509pop",
    serialNumber: svid.serialNumber.toString(),
    expiresAt: svid.notAfter,
    newSerialNumber: "",
    newExpiresAt: undefined,
    canReattest: false,
    agentVersion: "1.2.3",
    selectors: [],
    ...fields,
  };
}

function entry(path: string, flags: Partial<RegistrationEntry>): RegistrationEntry {
  return {
    id: "",
    spiffeId: parseSpiffeId(`spiffe://example.org${path}`),
    parentId: agentId,
    selectors: [{ type: "unix", value: "uid:1" }],
    x509SvidTtlSeconds: 0,
    jwtSvidTtlSeconds: 0,
    federatesWith: [],
    admin: false,
    downstream: false,
    expiresAt: undefined,
    dnsNames: [],
    revisionNumber: 0,
    storeSvid: false,
    hint: "",
    createdAt: undefined,
    disableX509SvidPrefetch: false,
    jwtSvidIncludeJti: false,
    ...flags,
  };
}

/** A server of a few agents and entries, asked by one caller. */
function server(clock = new FakeClock()) {
  const store = new FakeDataStore();
  const nodes = new AttestedNodes(store, { clock, logger: captureLog() });
  const call = async (caller: Caller, method: string) => {
    const context = fakeCall({ method });
    const interceptor = authorize({
      callerOf: () => caller,
      adminIds: [parseSpiffeId("spiffe://elsewhere.org/operator")],
      store,
      nodes,
      clock,
    });
    let reached = false;
    await interceptor(
      context,
      async () => {
        reached = true;
      },
      undefined,
    );
    assert.ok(reached, "the call was neither refused nor let through");
    return findAuthorized(context);
  };
  return { store, nodes, call, clock };
}

/** What a refused caller gets, and what is logged of why. */
async function refusal(work: () => Promise<unknown>) {
  try {
    await work();
  } catch (error) {
    const status = StatusError.from(error);
    return {
      code: status.code,
      message: status.message,
      told: findDenialReason(status),
      logged: status.cause === undefined ? undefined : StatusError.from(status.cause).message,
    };
  }
  return assert.fail("it was let through");
}

const methods = [
  AgentDefinition,
  BundleDefinition,
  DebugDefinition,
  EntryDefinition,
  LocalAuthorityDefinition,
  LoggerDefinition,
  PluginDefinition,
  SVIDDefinition,
  TrustDomainDefinition,
  HealthDefinition,
].flatMap(({ fullName, methods }) => Object.values(methods).map(({ name }) => `/${fullName}/${name}`));

describe("authorize()", () => {
  /** Each caller with what it is, the strongest first: as what it is let in is the first that the method is open to. */
  const callers: readonly [title: string, caller: () => Caller, kinds: readonly CallerKind[]][] = [
    ["a stranger", () => stranger, []],
    ["somebody at the admin socket", () => local, ["local"]],
    ["an administrator of the configuration", () => remote("spiffe://elsewhere.org/operator"), ["admin"]],
    ["another of that trust domain", () => remote("spiffe://elsewhere.org/other"), []],
    ["an administrator by entry", () => remote("spiffe://example.org/admin"), ["admin"]],
    ["a downstream server", () => remote("spiffe://example.org/downstream"), ["downstream"]],
    ["one that is both", () => remote("spiffe://example.org/both"), ["admin", "downstream"]],
    ["a workload", () => remote("spiffe://example.org/workload"), []],
    ["an agent", () => remote(agentId), ["agent"]],
    ["a caller with the server's ID", () => remote("spiffe://example.org/spire/server"), []],
  ];
  for (const [title, caller, kinds] of callers) {
    it(`lets ${title} do what is open to it, and nothing else`, async () => {
      const { store, call } = server();
      await store.createNode(node());
      await store.createEntry(entry("/admin", { admin: true }));
      await store.createEntry(entry("/downstream", { downstream: true }));
      await store.createEntry(entry("/both", { admin: true }));
      await store.createEntry(entry("/both", { downstream: true }));
      await store.createEntry(entry("/workload", {}));
      const as = async (method: string): Promise<string> => {
        try {
          return (await call(caller(), method))?.as ?? "nothing";
        } catch (error) {
          const { code, message } = StatusError.from(error);
          assert.deepEqual(
            [code, message],
            [Code.PermissionDenied, `authorization denied for method ${method}`],
          );
          return "refused";
        }
      };
      for (const method of methods) {
        const audience = audienceOf(method);
        const expected = audience.includes("any")
          ? "any"
          : (kinds.find((kind) => audience.includes(kind)) ?? "refused");
        assert.equal(await as(method), expected, method);
      }
      const unheardOf = "/spire.api.server.agent.v1.Agent/NoSuch";
      assert.equal(await as(unheardOf), "refused");
    });
  }

  it("keeps the flags of an entry apart: what makes an administrator makes no downstream server", async () => {
    const { store, call } = server();
    await store.createEntry(entry("/admin", { admin: true }));
    await store.createEntry(entry("/downstream", { downstream: true }));
    const mintCa = "/spire.api.server.svid.v1.SVID/NewDownstreamX509CA";
    await assert.rejects(call(remote("spiffe://example.org/admin"), mintCa));
    await assert.rejects(call(remote("spiffe://example.org/downstream"), listAgents));
  });

  it("does not ask the store about somebody who can only be local, or has shown no certificate", async () => {
    const { store, call } = server();
    for (const method of methods) {
      await call(local, method).catch(() => undefined);
      await call(stranger, method).catch(() => undefined);
    }
    assert.deepEqual(store.calls, []);
  });

  it("leaves the caller with the call", async () => {
    const { call } = server();
    assert.deepEqual(await call(local, listAgents), { caller: local, as: "local" });
  });

  it("refuses with Internal when the entries of a caller cannot be read", async () => {
    const { store, call } = server();
    store.fail("listEntries");
    assert.deepEqual(await refusal(() => call(remote(agentId), listAgents)), {
      code: Code.Internal,
      message: "failed to fetch caller entries: datastore-fake: away",
      told: undefined,
      logged: storeAway.message,
    });
  });
});

describe("authorize(), of an agent", () => {
  const denied = `authorization denied for method ${renewAgent}`;
  const cases: readonly {
    readonly title: string;
    readonly known: () => AttestedNode | undefined;
    readonly afterSeconds?: number;
    readonly refusal: () => Awaited<ReturnType<typeof refusal>>;
  }[] = [
    {
      title: "that has never attested, or was evicted",
      known: () => undefined,
      refusal: () => ({
        code: Code.PermissionDenied,
        message: denied,
        told: "AGENT_NOT_ATTESTED",
        logged: `agent "${agentId}" is not attested`,
      }),
    },
    {
      title: "that is banned",
      known: () => node({ serialNumber: "" }),
      refusal: () => ({
        code: Code.PermissionDenied,
        message: denied,
        told: "AGENT_BANNED",
        logged: `agent "${agentId}" is banned`,
      }),
    },
    {
      title: "that was banned while it was renewed",
      known: () => node({ serialNumber: "", newSerialNumber: svid.serialNumber.toString() }),
      refusal: () => ({
        code: Code.PermissionDenied,
        message: denied,
        told: "AGENT_BANNED",
        logged: `agent "${agentId}" is banned`,
      }),
    },
    {
      title: "that shows an SVID of before",
      known: () => node({ serialNumber: "12", newSerialNumber: "13" }),
      refusal: () => ({
        code: Code.PermissionDenied,
        message: denied,
        told: "AGENT_NOT_ACTIVE",
        logged: `agent "${agentId}" expected to have serial number "12"; has "${svid.serialNumber}"`,
      }),
    },
    {
      title: "that shows an expired SVID",
      known: () => node(),
      afterSeconds: 3601,
      refusal: () => ({
        code: Code.PermissionDenied,
        message: denied,
        told: "AGENT_EXPIRED",
        logged: `agent "${agentId}" SVID is expired`,
      }),
    },
  ];
  for (const { title, known, afterSeconds = 0, refusal: expected } of cases) {
    it(`refuses one ${title}, and tells it why`, async () => {
      const { store, call, clock } = server();
      const attested = known();
      if (attested !== undefined) await store.createNode(attested);
      await clock.advance(afterSeconds * 1000);
      assert.deepEqual(await refusal(() => call(remote(agentId), renewAgent)), expected());
      assert.deepEqual(store.nodes.get(agentId.toString()), attested);
    });
  }

  it("lets in to the last second of its SVID", async () => {
    const { store, call, clock } = server();
    await store.createNode(node());
    await clock.advance(3600 * 1000);
    assert.equal((await call(remote(agentId), renewAgent))?.as, "agent");
  });

  it("takes the new SVID for the agent's own when it is first used, and the old one no more", async () => {
    const { store, call } = server();
    await store.createNode(
      node({ newSerialNumber: next.serialNumber.toString(), newExpiresAt: new Date("2026-01-01T02:00:00Z") }),
    );
    assert.equal((await call(remote(agentId), renewAgent))?.as, "agent");
    assert.equal((await call(remote(agentId, next), renewAgent))?.as, "agent");
    assert.deepEqual(
      store.nodes.get(agentId.toString()),
      node({ serialNumber: next.serialNumber.toString(), expiresAt: new Date("2026-01-01T02:00:00Z") }),
    );
    assert.equal((await refusal(() => call(remote(agentId), renewAgent))).told, "AGENT_NOT_ACTIVE");
  });

  it("activates once when the new SVID is used by many calls at once", async () => {
    const { store, call } = server();
    await store.createNode(
      node({ newSerialNumber: next.serialNumber.toString(), newExpiresAt: next.notAfter }),
    );
    await Promise.all(Array.from({ length: 20 }, () => call(remote(agentId, next), renewAgent)));
    assert.equal(store.calls.filter((name) => name === "updateNode").length, 1);
  });

  it("does not undo a ban by an activation that was under way", async () => {
    const { store, nodes, call, clock } = server();
    await store.createNode(
      node({ newSerialNumber: next.serialNumber.toString(), newExpiresAt: next.notAfter }),
    );
    const { reached, release } = store.hold("updateNode");
    const activation = call(remote(agentId, next), renewAgent);
    await reached;
    const ban = nodes.inTurn(agentId, () => nodes.update(agentId, { serialNumber: "", newSerialNumber: "" }));
    await clock.advance(0);
    release();
    await Promise.all([activation, ban]);
    assert.equal((await refusal(() => call(remote(agentId, next), renewAgent))).told, "AGENT_BANNED");
  });

  it("does not believe what it remembers when that would refuse, or activate: another server may have written", async () => {
    const { store, nodes, call } = server();
    const stop = new AbortController();
    const following = nodes.run(stop.signal);
    await store.createNode(node({ serialNumber: "12" }));
    // Remembered by now, and written behind the server's back, without a word in its change stream.
    assert.equal((await refusal(() => call(remote(agentId), renewAgent))).told, "AGENT_NOT_ACTIVE");
    await nodes.find(agentId);
    store.nodes.set(
      agentId.toString(),
      node({ serialNumber: "12", newSerialNumber: svid.serialNumber.toString() }),
    );
    assert.equal((await call(remote(agentId), renewAgent))?.as, "agent");
    store.nodes.set(agentId.toString(), node({ newSerialNumber: next.serialNumber.toString() }));
    await nodes.find(agentId);
    store.nodes.set(agentId.toString(), node({ serialNumber: "", newSerialNumber: "" }));
    assert.equal((await refusal(() => call(remote(agentId, next), renewAgent))).told, "AGENT_BANNED");
    stop.abort();
    await following.catch(() => undefined);
  });

  it("says Internal, not denied, when the store cannot be asked: the agent keeps its SVID", async () => {
    const { store, call } = server();
    await store.createNode(node({ newSerialNumber: next.serialNumber.toString() }));
    store.fail("updateNode");
    const unable = await refusal(() => call(remote(agentId, next), renewAgent));
    store.fail("findNode");
    const unknown = await refusal(() => call(remote(agentId), renewAgent));
    assert.deepEqual(
      [unable, unknown].map(({ code, message, told }) => [code, message, told]),
      [
        [Code.Internal, "unable to activate the new agent SVID: datastore-fake: away", undefined],
        [Code.Internal, "unable to look up agent information: datastore-fake: away", undefined],
      ],
    );
  });
});
