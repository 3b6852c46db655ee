import assert from "node:assert/strict";
import type { KeyObject } from "node:crypto";
import { before, describe, it } from "node:test";
import { AttestAgentRequest, type AttestAgentResponse } from "@finial/proto/api/server/agent/v1/agent";
import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import { Certificate, generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { parseSpiffeId, type Selector, verifyX509Svid } from "@finial/sdk/spiffe";
import type { AttestedNode } from "../../facade/datastore.ts";
import type { AttestedAgent, NodeAttestor } from "../../facade/nodeattestor.ts";
import { fakeCall } from "../fake-call.ts";
import {
  type FakeAgentServiceOptions,
  fakeAgentService,
  requestOf,
  stolenRequest,
} from "./fake-agent-service.ts";

type Step = PartialMessage<AttestAgentRequest>;

const agentId = parseSpiffeId("spiffe://example.org/spire/agent/x509pop/a");
const tokenId = parseSpiffeId("spiffe://example.org/spire/agent/join_token/abc");

let key: KeyObject;
let csr: Buffer;

before(async () => {
  key = await generatePrivateKey("ec-p256");
  csr = await requestOf(key);
});

function params(type: string, payload: string, request: Buffer = csr): Step {
  return {
    step: {
      $case: "params",
      value: { data: { type, payload: Buffer.from(payload) }, params: { csr: request } },
    },
  };
}

function response(text: string): Step {
  return { step: { $case: "challengeResponse", value: Buffer.from(text) } };
}

/** An attestor that finds this agent, after these challenges. */
function attestor(found: Partial<AttestedAgent> = {}, challenges: readonly string[] = []) {
  const answers: string[] = [];
  const seen: unknown[] = [];
  const self: NodeAttestor = {
    name: "x509pop",
    attest: async (payload, challenge, { forwardedHost, clientIp }) => {
      seen.push({ payload: payload.toString(), forwardedHost, clientIp });
      for (const text of challenges) answers.push((await challenge(Buffer.from(text))).toString());
      return { spiffeId: agentId, selectors: [], canReattest: true, ...found };
    },
  };
  return { self, answers, seen };
}

type Server = Awaited<ReturnType<typeof fakeAgentService>>;

/** Says all that, one after the other, and hears the answers out. */
async function attest(
  { handlers }: Pick<Server, "handlers">,
  steps: readonly Step[],
  call = fakeCall(),
): Promise<PartialMessage<AttestAgentResponse>[]> {
  const requests = (async function* () {
    for (const step of steps) yield AttestAgentRequest.fromPartial(step as AttestAgentRequest);
  })();
  return await Array.fromAsync(handlers.attestAgent(requests, call));
}

async function refusal(work: () => Promise<unknown>): Promise<[code: Code, reason: string, message: string]> {
  try {
    await work();
  } catch (error) {
    const { code, reason, message } = StatusError.from(error);
    return [code, reason, message];
  }
  return assert.fail("it succeeded");
}

/** The SVID of the last answer, verified. */
function svidOf(server: Server, responses: readonly PartialMessage<AttestAgentResponse>[]) {
  const step = responses.at(-1)?.step;
  assert.ok(step?.$case === "result" && step.value.svid, "no result came");
  const { id, certChain = [], expiresAt } = step.value.svid;
  const { spiffeId, leaf } = verifyX509Svid({
    chainDer: certChain.map((der) => Buffer.from(der)),
    anchorsOf: () => [server.ca.root],
    now: server.clock.now(),
  });
  assert.deepEqual(id, { trustDomain: spiffeId.trustDomain.name, path: spiffeId.path });
  assert.equal(expiresAt, leaf.notAfter.getTime() / 1000);
  return { spiffeId, leaf, reattestable: step.value.reattestable };
}

function node(fields: Partial<AttestedNode> = {}): AttestedNode {
  return {
    spiffeId: agentId,
    attestationType: "x509pop",
    serialNumber: "1",
    expiresAt: new Date("2026-01-01T00:00:00Z"),
    newSerialNumber: "",
    newExpiresAt: undefined,
    canReattest: true,
    agentVersion: "",
    selectors: [],
    ...fields,
  };
}

async function withToken(options: FakeAgentServiceOptions = {}): Promise<Server> {
  const server = await fakeAgentService(options);
  const expiresAt = new Date(server.clock.now().getTime() + 600_000);
  await server.store.createJoinToken({ token: "abc", expiresAt });
  return server;
}

describe("attestAgent()", () => {
  const malformed: readonly [title: string, step: () => Step, message: string][] = [
    ["a first message that is no parameters", () => response("x"), "malformed param: missing params"],
    [
      "parameters without attestation data",
      () => ({ step: { $case: "params", value: { params: { csr } } } }),
      "malformed param: missing attestation data",
    ],
    [
      "parameters without those of the SVID",
      () => ({ step: { $case: "params", value: { data: { type: "x", payload: Buffer.from("x") } } } }),
      "malformed param: missing X509-SVID parameters",
    ],
    ["no CSR", () => params("x509pop", "x", Buffer.alloc(0)), "malformed param: missing CSR"],
    ["no type", () => params("", "x"), "malformed param: missing attestation data type"],
    ["no payload", () => params("x509pop", ""), "malformed param: missing attestation data payload"],
  ];
  for (const [title, step, message] of malformed) {
    it(`rejects ${title}`, async () => {
      const server = await fakeAgentService();
      assert.deepEqual(await refusal(() => attest(server, [step()])), [
        Code.InvalidArgument,
        "PARAMS_MALFORMED",
        message,
      ]);
    });
  }

  it("rejects a caller that says nothing", async () => {
    const server = await fakeAgentService();
    assert.deepEqual(await refusal(() => attest(server, [])), [
      Code.InvalidArgument,
      "REQUEST_MISSING",
      "failed to receive request from stream: EOF",
    ]);
  });

  it("rejects a type that no attestor is configured for", async () => {
    const server = await withToken({ attestors: [attestor().self] });
    assert.deepEqual(await refusal(() => attest(server, [params("aws_iid", "x")])), [
      Code.FailedPrecondition,
      "ATTESTOR_UNKNOWN",
      'error getting node attestor: could not find node attestor type "aws_iid"',
    ]);
  });

  it("asks the limit first, before it reads a word", async () => {
    const server = await withToken({
      rateLimit: async (_, count) => {
        throw new StatusError(Code.ResourceExhausted, "RATE_LIMIT", `no room for ${count}`);
      },
    });
    assert.deepEqual(await refusal(() => attest(server, [params("join_token", "abc")])), [
      Code.ResourceExhausted,
      "RATE_LIMIT",
      "rejecting request due to attest agent rate limiting: no room for 1",
    ]);
    assert.equal(server.store.joinTokens.size, 1);
  });

  it("relays each challenge to the agent and each answer back, then issues its SVID", async () => {
    const plugin = attestor({ canReattest: false }, ["what is your name?", "what is your quest?"]);
    const server = await fakeAgentService({ attestors: [plugin.self] });
    const call = fakeCall({ metadata: { ":authority": ["spire.example.org:8081"] } });
    const responses = await attest(
      server,
      [params("x509pop", "payload"), response("Arthur"), response("the Grail")],
      call,
    );
    assert.deepEqual(
      responses.slice(0, -1).map(({ step }) => step?.$case === "challenge" && String(step.value)),
      ["what is your name?", "what is your quest?"],
    );
    assert.deepEqual(plugin.answers, ["Arthur", "the Grail"]);
    assert.deepEqual(plugin.seen, [
      { payload: "payload", forwardedHost: "spire.example.org", clientIp: "10.0.0.1" },
    ]);
    const { spiffeId, leaf, reattestable } = svidOf(server, responses);
    assert.ok(spiffeId.equals(agentId));
    assert.ok(leaf.publicKey.equals(PublicKey.of(key)));
    assert.equal(reattestable, false);
    assert.deepEqual(
      [...server.store.nodes.values()],
      [node({ serialNumber: leaf.serialNumber.toString(), expiresAt: leaf.notAfter, canReattest: false })],
    );
    assert.deepEqual(call.trail.fields, { node_attestor_type: "x509pop", agent_id: agentId.toString() });
  });

  it("fails when the agent goes away instead of answering a challenge", async () => {
    const server = await fakeAgentService({ attestors: [attestor({}, ["?"]).self] });
    assert.deepEqual(await refusal(() => attest(server, [params("x509pop", "x")])), [
      Code.Internal,
      "CHALLENGE_RESPONSE_MISSING",
      "failed to receive challenge from agent: EOF",
    ]);
    assert.equal(server.store.nodes.size, 0);
  });

  it("passes on what the attestor says, as it says it", async () => {
    const refused = new StatusError(Code.PermissionDenied, "NO", "nodeattestor(x509pop): not you");
    const self: NodeAttestor = { name: "x509pop", attest: () => Promise.reject(refused) };
    const server = await fakeAgentService({ attestors: [self] });
    await assert.rejects(attest(server, [params("x509pop", "x")]), refused);
  });

  it("signs for the ID the attestor found, whatever the CSR asks for", async () => {
    const server = await fakeAgentService({ attestors: [attestor().self] });
    const greedy = await requestOf(key, ["spiffe://example.org/spire/server"]);
    const { spiffeId, leaf } = svidOf(server, await attest(server, [params("x509pop", "x", greedy)]));
    assert.ok(spiffeId.equals(agentId));
    assert.deepEqual(leaf.subjectAltName.uris, [agentId.toString()]);
  });

  const requests: readonly [
    title: string,
    request: () => Promise<Buffer>,
    reason: string,
    message: string,
  ][] = [
    [
      "that is none",
      async () => Buffer.from("CSR"),
      "CSR_MALFORMED",
      "failed to parse CSR: malformed CSR: expected tag 0x30, found 0x43",
    ],
    [
      "for a key that its sender does not hold",
      async () => stolenRequest(key, await generatePrivateKey("ec-p256")),
      "CSR_SIGNATURE",
      "failed to parse CSR: invalid signature",
    ],
  ];
  for (const [title, request, reason, message] of requests) {
    it(`rejects a CSR ${title}, and lets nobody in`, async () => {
      const server = await fakeAgentService({ attestors: [attestor().self] });
      const attesting = async () => attest(server, [params("x509pop", "x", await request())]);
      assert.deepEqual(await refusal(attesting), [Code.InvalidArgument, reason, message]);
      assert.deepEqual([server.store.nodes.size, server.store.nodeSelectors.size], [0, 0]);
    });
  }

  const ids: readonly [id: string, message: string | undefined, warned: boolean][] = [
    ["spiffe://example.org/spire/agent/x509pop/a", undefined, false],
    ["spiffe://example.org/spire/agent/other/a", undefined, true],
    ["spiffe://example.org/somewhere/else", undefined, true],
    ["spiffe://example.org/spire/server", "agent ID cannot collide with the server ID", false],
    [
      "spiffe://elsewhere.org/spire/agent/x509pop/a",
      'invalid agent ID: "spiffe://elsewhere.org/spire/agent/x509pop/a" is not a member of trust domain "example.org"',
      false,
    ],
  ];
  for (const [id, message, warned] of ids) {
    const outcome = message === undefined ? (warned ? "lets in with a warning" : "lets in") : "rejects";
    it(`${outcome} an agent that its attestor calls ${id}`, async () => {
      const { self } = attestor({ spiffeId: parseSpiffeId(id) });
      const server = await fakeAgentService({ attestors: [self] });
      const attesting = (): Promise<unknown> => attest(server, [params("x509pop", "x")]);
      if (message === undefined) await attesting();
      else assert.deepEqual(await refusal(attesting), [Code.Internal, "AGENT_ID_INVALID", message]);
      assert.equal(server.store.nodes.size, message === undefined ? 1 : 0);
      assert.deepEqual(
        server.logger.lines.filter(({ level }) => level === "warn"),
        warned
          ? [
              {
                level: "warn",
                message:
                  "The node attestor produced an agent ID outside of its own part of the agent namespace",
                fields: { node_attestor_type: "x509pop", agent_id: id },
              },
            ]
          : [],
      );
    });
  }

  it("keeps the attestor's selectors, each once and in order, and the agent's ID among them if wanted", async () => {
    const selectors: readonly Selector[] = [
      { type: "x509pop", value: "subject:cn:b" },
      { type: "x509pop", value: "ca:fingerprint:a" },
      { type: "x509pop", value: "subject:cn:b" },
    ];
    for (const agentSpiffeIdAsSelector of [false, true]) {
      const { self } = attestor({ selectors });
      const server = await fakeAgentService({ attestors: [self], agentSpiffeIdAsSelector });
      await attest(server, [params("x509pop", "x")]);
      assert.deepEqual(server.store.selectorsOf(agentId), [
        ...(agentSpiffeIdAsSelector ? [`spiffe_id:${agentId}`] : []),
        "x509pop:ca:fingerprint:a",
        "x509pop:subject:cn:b",
      ]);
    }
  });

  it("never writes selectors or what the agent sent into its log", async () => {
    const { self } = attestor({ selectors: [{ type: "x509pop", value: "very:secret" }] });
    const server = await fakeAgentService({ attestors: [self] });
    await attest(server, [params("x509pop", "payload-of-agent")]);
    const said = JSON.stringify(server.logger.lines);
    assert.ok(said.includes("Agent attestation request completed"));
    assert.ok(!said.includes("secret") && !said.includes("payload-of-agent"), said);
  });

  it("lets an agent in anew: its last SVID takes the place of those before, and the type it came by stays", async () => {
    const server = await fakeAgentService({ attestors: [attestor({ canReattest: false }).self] });
    const known = node({ newSerialNumber: "2", newExpiresAt: new Date(0), attestationType: "other" });
    await server.store.createNode({ ...known, agentVersion: "1.2.3" });
    const { leaf } = svidOf(server, await attest(server, [params("x509pop", "x")]));
    assert.deepEqual(
      [...server.store.nodes.values()],
      [
        node({
          attestationType: "other",
          agentVersion: "1.2.3",
          serialNumber: leaf.serialNumber.toString(),
          expiresAt: leaf.notAfter,
          canReattest: false,
        }),
      ],
    );
  });

  for (const newSerialNumber of ["", "2"]) {
    it(`refuses a banned agent, with new serial number "${newSerialNumber}", and signs nothing`, async () => {
      const server = await fakeAgentService({ attestors: [attestor().self] });
      const banned = node({ serialNumber: "", newSerialNumber });
      await server.store.createNode(banned);
      assert.deepEqual(await refusal(() => attest(server, [params("x509pop", "x")])), [
        Code.PermissionDenied,
        "AGENT_BANNED",
        "failed to attest: agent is banned",
      ]);
      assert.deepEqual([...server.store.nodes.values()], [banned]);
    });
  }

  it("does not undo a ban that comes while it works", async () => {
    const server = await fakeAgentService({ attestors: [attestor().self] });
    await server.store.createNode(node());
    const { reached, release } = server.store.hold("setNodeSelectors");
    const attesting = attest(server, [params("x509pop", "x")]);
    await reached;
    const ban = server.handlers.banAgent(
      { id: { trustDomain: "example.org", path: agentId.path } },
      fakeCall(),
    );
    await server.clock.advance(0);
    release();
    await Promise.all([attesting, ban]);
    const { serialNumber, newSerialNumber } = server.store.nodes.get(agentId.toString()) ?? node();
    assert.deepEqual([serialNumber, newSerialNumber], ["", ""]);
  });

  it("lets one agent in that attests twice at once, with the SVID it got last", async () => {
    const server = await fakeAgentService({ attestors: [attestor().self] });
    const twice = await Promise.all([
      attest(server, [params("x509pop", "x")]),
      attest(server, [params("x509pop", "x")]),
    ]);
    const serials = twice.map((responses) => svidOf(server, responses).leaf.serialNumber.toString());
    assert.equal(server.store.nodes.get(agentId.toString())?.serialNumber, serials[1]);
  });

  const failures: readonly [call: "findNode" | "setNodeSelectors" | "createNode", message: string][] = [
    ["findNode", "failed to fetch agent: datastore-fake: away"],
    ["setNodeSelectors", "failed to update selectors: datastore-fake: away"],
    ["createNode", "failed to create attested agent: datastore-fake: away"],
  ];
  for (const [call, message] of failures) {
    it(`says what the store could not do: ${call}`, async () => {
      const server = await fakeAgentService({ attestors: [attestor().self] });
      server.store.fail(call);
      assert.deepEqual(await refusal(() => attest(server, [params("x509pop", "x")])), [
        Code.Internal,
        "AGENT_WRITE",
        message,
      ]);
    });
  }
});

describe("attestAgent(), by join token", () => {
  it("lets in the one that holds it, once", async () => {
    const server = await withToken();
    const responses = await attest(server, [params("join_token", "abc")]);
    const { spiffeId, reattestable } = svidOf(server, responses);
    assert.ok(spiffeId.equals(tokenId));
    assert.equal(reattestable, false);
    assert.equal(server.store.nodes.get(tokenId.toString())?.attestationType, "join_token");
    assert.deepEqual(await refusal(() => attest(server, [params("join_token", "abc")])), [
      Code.InvalidArgument,
      "JOIN_TOKEN_UNKNOWN",
      "failed to attest: join token does not exist or has already been used",
    ]);
  });

  it("lets in one of many that hold it at once", async () => {
    const server = await withToken();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, () => attest(server, [params("join_token", "abc")])),
    );
    assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  });

  it("rejects one that has expired, and uses it up", async () => {
    const server = await withToken();
    await server.clock.advance(600_001);
    const expired = await refusal(() => attest(server, [params("join_token", "abc")]));
    assert.deepEqual(expired, [Code.InvalidArgument, "JOIN_TOKEN_EXPIRED", "join token expired"]);
    assert.equal(server.store.joinTokens.size, 0);
  });

  it("takes one to its last moment", async () => {
    const server = await withToken();
    await server.clock.advance(600_000);
    await attest(server, [params("join_token", "abc")]);
  });

  it("asks no attestor, whatever is configured by that name", async () => {
    const plugin = { ...attestor().self, name: "join_token" };
    const server = await fakeAgentService({ attestors: [plugin] });
    const [code, reason] = await refusal(() => attest(server, [params("join_token", "abc")]));
    assert.deepEqual([code, reason], [Code.InvalidArgument, "JOIN_TOKEN_UNKNOWN"]);
  });

  it("never says the token, neither to the agent nor to the log, when it is no good", async () => {
    const server = await fakeAgentService();
    const said = await refusal(() => attest(server, [params("join_token", "s3cret")]));
    assert.ok(!JSON.stringify([said, server.logger.lines]).includes("s3cret"));
  });

  it("says that the store cannot be asked", async () => {
    const server = await withToken();
    server.store.fail("takeJoinToken");
    assert.deepEqual(await refusal(() => attest(server, [params("join_token", "abc")])), [
      Code.Internal,
      "JOIN_TOKEN_FETCH",
      "failed to fetch join token: datastore-fake: away",
    ]);
  });

  it("gives an SVID that is good for as long as agents' are", async () => {
    const server = await withToken();
    const { leaf } = svidOf(server, await attest(server, [params("join_token", "abc")]));
    assert.equal(leaf.notAfter.getTime(), server.clock.now().getTime() + 3_600_000);
    assert.ok(leaf.isSignedBy(server.ca.root.publicKey));
    assert.ok(Certificate.parse(leaf.der));
  });
});
