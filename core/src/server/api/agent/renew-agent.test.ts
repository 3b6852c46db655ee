import assert from "node:assert/strict";
import { createHash, type KeyObject } from "node:crypto";
import { before, describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { generatePrivateKey, PublicKey } from "@finial/sdk/crypto";
import { parseSpiffeId, verifyX509Svid } from "@finial/sdk/spiffe";
import { findDenialReason } from "../../../kernel/convert/permission-denied.ts";
import type { AttestedNode } from "../../facade/datastore.ts";
import { fakeCall } from "../fake-call.ts";
import {
  type FakeAgentServiceOptions,
  fakeAgentService,
  requestOf,
  stolenRequest,
} from "./fake-agent-service.ts";

const id = parseSpiffeId("spiffe://example.org/spire/agent/join_token/abc");
const wireId = { trustDomain: "example.org", path: id.path };
const node: AttestedNode = {
  spiffeId: id,
  attestationType: "join_token",
  serialNumber: "1",
  expiresAt: new Date("2026-01-01T00:30:00Z"),
  newSerialNumber: "",
  newExpiresAt: undefined,
  canReattest: false,
  agentVersion: "1.2.3",
  selectors: [],
};

let key: KeyObject;
let csr: Buffer;

before(async () => {
  key = await generatePrivateKey("ec-p384");
  csr = await requestOf(key, ["spiffe://example.org/spire/server"]);
});

async function server(known: AttestedNode | undefined = node, options: FakeAgentServiceOptions = {}) {
  const service = await fakeAgentService({ callerId: id, ...options });
  if (known !== undefined) await service.store.createNode(known);
  return service;
}

async function refusal(work: () => unknown) {
  try {
    await work();
  } catch (error) {
    const status = StatusError.from(error);
    return [status.code, status.message, findDenialReason(status)];
  }
  return assert.fail("it succeeded");
}

describe("renewAgent()", () => {
  it("issues the next SVID for the caller's own ID, and keeps the one it has", async () => {
    const { handlers, store, ca, clock } = await server();
    const call = fakeCall();
    const { svid } = await handlers.renewAgent({ params: { csr } }, call);
    const chainDer = (svid?.certChain ?? []).map((der) => Buffer.from(der));
    const { spiffeId, leaf } = verifyX509Svid({ chainDer, anchorsOf: () => [ca.root], now: clock.now() });
    assert.ok(spiffeId.equals(id));
    assert.ok(leaf.publicKey.equals(PublicKey.of(key)));
    assert.deepEqual([svid?.id, svid?.expiresAt], [wireId, leaf.notAfter.getTime() / 1000]);
    assert.deepEqual(
      [...store.nodes.values()],
      [{ ...node, newSerialNumber: leaf.serialNumber.toString(), newExpiresAt: leaf.notAfter }],
    );
    assert.deepEqual(call.trail.fields, { csr: createHash("sha256").update(csr).digest("hex") });
  });

  const cases: readonly [
    title: string,
    known: AttestedNode | undefined,
    request: () => Promise<{ csr: Buffer } | undefined>,
    refusal: unknown[],
  ][] = [
    [
      "an agent that is not there",
      undefined,
      async () => ({ csr }),
      [Code.NotFound, "agent not found", undefined],
    ],
    [
      "one that can attest again",
      { ...node, canReattest: true },
      async () => ({ csr }),
      [Code.PermissionDenied, "agent must reattest instead of renew", "AGENT_MUST_REATTEST"],
    ],
    [
      "one that was banned since it was let in",
      { ...node, serialNumber: "" },
      async () => ({ csr }),
      [Code.PermissionDenied, `agent "${id}" is banned`, "AGENT_BANNED"],
    ],
    ["no parameters", node, async () => undefined, [Code.InvalidArgument, "params cannot be nil", undefined]],
    [
      "no CSR",
      node,
      async () => ({ csr: Buffer.alloc(0) }),
      [Code.InvalidArgument, "missing CSR", undefined],
    ],
    [
      "a CSR for a key that its sender does not hold",
      node,
      async () => ({ csr: await stolenRequest(key, await generatePrivateKey("ec-p384")) }),
      [Code.InvalidArgument, "failed to parse CSR: invalid signature", undefined],
    ],
  ];
  for (const [title, known, request, expected] of cases) {
    it(`refuses ${title}, and changes nothing`, async () => {
      const service = await fakeAgentService({ callerId: id });
      if (known !== undefined) await service.store.createNode(known);
      const params = await request();
      assert.deepEqual(await refusal(() => service.handlers.renewAgent({ params }, fakeCall())), expected);
      assert.deepEqual([...service.store.nodes.values()], known === undefined ? [] : [known]);
    });
  }

  it("does not let a ban be undone by a renewal that waited for its limit", async () => {
    const gate = Promise.withResolvers<void>();
    const service = await server(node, { rateLimit: () => gate.promise });
    const renewal = refusal(() => service.handlers.renewAgent({ params: { csr } }, fakeCall()));
    await service.handlers.banAgent({ id: wireId }, fakeCall());
    gate.resolve();
    assert.deepEqual(await renewal, [Code.PermissionDenied, `agent "${id}" is banned`, "AGENT_BANNED"]);
    assert.deepEqual([...service.store.nodes.values()], [{ ...node, serialNumber: "" }]);
  });

  it("does not let a ban be undone by a renewal that was writing", async () => {
    const service = await server();
    const { reached, release } = service.store.hold("updateNode");
    const renewal = service.handlers.renewAgent({ params: { csr } }, fakeCall());
    await reached;
    const ban = service.handlers.banAgent({ id: wireId }, fakeCall());
    await service.clock.advance(0);
    release();
    await Promise.all([renewal, ban]);
    const { serialNumber, newSerialNumber } = service.store.nodes.get(id.toString()) ?? node;
    assert.deepEqual([serialNumber, newSerialNumber], ["", ""]);
  });

  it("asks the limit before the store", async () => {
    const service = await server(node, {
      rateLimit: async () => {
        throw new StatusError(Code.ResourceExhausted, "RATE_LIMIT", "no room");
      },
    });
    assert.deepEqual(await refusal(() => service.handlers.renewAgent({ params: { csr } }, fakeCall())), [
      Code.ResourceExhausted,
      "rejecting request due to renew agent rate limiting: no room",
      undefined,
    ]);
    assert.deepEqual(service.store.calls, ["createNode"]);
  });

  it("says what the store could not do", async () => {
    const service = await server();
    const renew = () => refusal(() => service.handlers.renewAgent({ params: { csr } }, fakeCall()));
    service.store.fail("updateNode");
    assert.deepEqual(await renew(), [
      Code.Internal,
      "failed to update agent: datastore-fake: away",
      undefined,
    ]);
    service.store.fail("findNode");
    assert.deepEqual(await renew(), [
      Code.Internal,
      "failed to fetch agent: datastore-fake: away",
      undefined,
    ]);
  });

  it("is not for a caller without an ID", async () => {
    const { handlers } = await fakeAgentService();
    assert.deepEqual(await refusal(() => handlers.renewAgent({ params: { csr } }, fakeCall())), [
      Code.Internal,
      "caller ID missing from request context",
      undefined,
    ]);
  });
});
