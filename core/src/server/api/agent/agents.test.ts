import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ListAgentsRequest, type ListAgentsRequest_Filter } from "@finial/proto/api/server/agent/v1/agent";
import { Agent, AgentMask } from "@finial/proto/api/types/agent";
import { SelectorMatch_MatchBehavior } from "@finial/proto/api/types/selector";
import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { Code, type PartialMessage, StatusError } from "@finial/sdk";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import type { AttestedNode, NodeFilter } from "../../facade/datastore.ts";
import { fakeCall } from "../fake-call.ts";
import { fakeAgentService } from "./fake-agent-service.ts";
import { parseFilter } from "./filter.ts";

const id = parseSpiffeId("spiffe://example.org/spire/agent/x509pop/a");
const wireId: SPIFFEID = { trustDomain: "example.org", path: id.path };
const node: AttestedNode = {
  spiffeId: id,
  attestationType: "x509pop",
  serialNumber: "1",
  expiresAt: new Date("2026-01-01T01:00:00Z"),
  newSerialNumber: "2",
  newExpiresAt: new Date("2026-01-01T02:00:00Z"),
  canReattest: true,
  agentVersion: "1.2.3",
  selectors: [],
};
const wire: Agent = {
  id: wireId,
  attestationType: "x509pop",
  x509svidSerialNumber: "1",
  x509svidExpiresAt: Date.UTC(2026, 0, 1, 1) / 1000,
  selectors: [{ type: "x509pop", value: "subject:cn:a" }],
  banned: false,
  canReattest: true,
  agentVersion: "1.2.3",
};

async function server(callerId = id) {
  const service = await fakeAgentService({ callerId });
  await service.store.createNode(node);
  await service.store.setNodeSelectors(id, [{ type: "x509pop", value: "subject:cn:a" }]);
  return service;
}

async function refusal(work: () => unknown): Promise<[code: Code, message: string]> {
  try {
    await work();
  } catch (error) {
    const { code, message } = StatusError.from(error);
    return [code, message];
  }
  return assert.fail("it succeeded");
}

type Handlers = Awaited<ReturnType<typeof server>>["handlers"];
type AboutAnAgent = "getAgent" | "banAgent" | "deleteAgent";

/** Each RPC about one agent, asked alike. */
const aboutAnAgent: Readonly<
  Record<AboutAnAgent, (handlers: Handlers, id: SPIFFEID | undefined) => unknown>
> = {
  getAgent: (handlers, agent) => handlers.getAgent({ id: agent, outputMask: undefined }, fakeCall()),
  banAgent: (handlers, agent) => handlers.banAgent({ id: agent }, fakeCall()),
  deleteAgent: (handlers, agent) => handlers.deleteAgent({ id: agent }, fakeCall()),
};

describe("getAgent(), banAgent() and deleteAgent()", () => {
  const ids: readonly [title: string, id: SPIFFEID | undefined, code: Code, message: string][] = [
    ["no ID", undefined, Code.InvalidArgument, "invalid agent ID: request must specify SPIFFE ID"],
    [
      "the ID of another trust domain",
      { trustDomain: "elsewhere.org", path: "/spire/agent/a" },
      Code.InvalidArgument,
      'invalid agent ID: "spiffe://elsewhere.org/spire/agent/a" is not a member of trust domain "example.org"',
    ],
    [
      "a workload's ID",
      { trustDomain: "example.org", path: "/db" },
      Code.InvalidArgument,
      'invalid agent ID: "spiffe://example.org/db" is not an agent in trust domain "example.org"; path is not in the agent namespace',
    ],
    [
      "a path that leads elsewhere",
      { trustDomain: "example.org", path: "/spire/agent/../server" },
      Code.InvalidArgument,
      "invalid agent ID: path cannot contain dot segments",
    ],
    [
      "an agent that is not there",
      { trustDomain: "example.org", path: "/spire/agent/b" },
      Code.NotFound,
      "agent not found",
    ],
  ];
  for (const [title, agent, code, message] of ids) {
    it(`refuse ${title}`, async () => {
      const { handlers, store } = await server();
      for (const call of Object.values(aboutAnAgent))
        assert.deepEqual(await refusal(() => call(handlers, agent)), [code, message]);
      assert.deepEqual([...store.nodes.values()], [node]);
    });
  }

  const failures: readonly [
    call: AboutAnAgent,
    store: Parameters<Awaited<ReturnType<typeof server>>["store"]["fail"]>[0],
    message: string,
  ][] = [
    ["getAgent", "findNode", "failed to fetch agent: datastore-fake: away"],
    ["getAgent", "getNodeSelectors", "failed to get selectors from agent: datastore-fake: away"],
    ["banAgent", "updateNode", "failed to ban agent: datastore-fake: away"],
    ["deleteAgent", "deleteNode", "failed to remove agent: datastore-fake: away"],
  ];
  for (const [call, broken, message] of failures) {
    it(`say what the store could not do: ${broken}`, async () => {
      const { handlers, store } = await server();
      store.fail(broken);
      assert.deepEqual(await refusal(() => aboutAnAgent[call](handlers, wireId)), [Code.Internal, message]);
    });
  }
});

describe("getAgent()", () => {
  it("tells of an agent with its selectors, masked", async () => {
    const { handlers } = await server();
    const get = (outputMask: AgentMask | undefined) =>
      handlers.getAgent({ id: wireId, outputMask }, fakeCall());
    assert.deepEqual(await get(undefined), wire);
    assert.deepEqual(
      await get(AgentMask.fromPartial({ canReattest: true })),
      Agent.fromPartial({ id: wireId, canReattest: true }),
    );
  });
});

describe("banAgent()", () => {
  it("takes both serial numbers from the agent, and says so", async () => {
    const { handlers, store, logger } = await server();
    const call = fakeCall();
    assert.deepEqual(await handlers.banAgent({ id: wireId }, call), {});
    assert.deepEqual([...store.nodes.values()], [{ ...node, serialNumber: "", newSerialNumber: "" }]);
    const fields = { spiffe_id: id.toString() };
    assert.deepEqual(logger.lines, [{ level: "info", message: "Agent banned", fields }]);
    assert.deepEqual(call.trail.fields, fields);
    const { banned } = await handlers.getAgent({ id: wireId, outputMask: undefined }, fakeCall());
    assert.equal(banned, true);
  });
});

describe("deleteAgent()", () => {
  it("forgets the agent, a banned one, too, with its selectors, and says so", async () => {
    const { handlers, store, logger } = await server();
    await handlers.banAgent({ id: wireId }, fakeCall());
    assert.deepEqual(await handlers.deleteAgent({ id: wireId }, fakeCall()), {});
    assert.deepEqual([store.nodes.size, store.nodeSelectors.size], [0, 0]);
    const fields = { spiffe_id: id.toString() };
    assert.deepEqual(logger.lines.at(-1), { level: "info", message: "Agent deleted", fields });
  });
});

describe("listAgents()", () => {
  it("lists agents, selectors only where they are wanted", async () => {
    const { handlers, store } = await server();
    const wantsSelectors: unknown[] = [];
    const { listNodes } = store;
    store.listNodes = (filter, options) => {
      wantsSelectors.push(options?.withSelectors);
      return listNodes.call(store, filter, options);
    };
    const list = (request: PartialMessage<ListAgentsRequest>) =>
      handlers.listAgents(ListAgentsRequest.fromPartial(request as ListAgentsRequest), fakeCall());
    assert.deepEqual(await list({}), { agents: [wire], nextPageToken: "" });
    assert.deepEqual(await list({ outputMask: { agentVersion: true } }), {
      agents: [Agent.fromPartial({ id: wireId, agentVersion: "1.2.3" })],
      nextPageToken: "",
    });
    assert.deepEqual(await list({ outputMask: { selectors: true } }), {
      agents: [Agent.fromPartial({ id: wireId, selectors: wire.selectors })],
      nextPageToken: "",
    });
    assert.deepEqual(wantsSelectors, [true, false, true]);
  });

  it("lists page by page, however large a page is asked for", async () => {
    const { handlers, store } = await server();
    await store.createNode({ ...node, spiffeId: parseSpiffeId(`${id}b`) });
    const pathsOf = async (pageSize: number, pageToken: string) => {
      const request = ListAgentsRequest.fromPartial({ pageSize, pageToken });
      const { agents = [], nextPageToken } = await handlers.listAgents(request, fakeCall());
      return [agents.map((agent) => agent.id?.path), nextPageToken];
    };
    assert.deepEqual(await pathsOf(1, ""), [[id.path], "1"]);
    assert.deepEqual(await pathsOf(1, "1"), [[`${id.path}b`], "2"]);
    assert.deepEqual(await pathsOf(1, "2"), [[], ""]);
    assert.deepEqual(await pathsOf(2_147_483_647, ""), [[id.path, `${id.path}b`], ""]);
    assert.deepEqual(await pathsOf(-1, ""), [[id.path, `${id.path}b`], ""]);
  });

  it("passes on what the store says", async () => {
    const { handlers, store } = await server();
    const list = () => refusal(() => handlers.listAgents(ListAgentsRequest.fromPartial({}), fakeCall()));
    store.fail("listNodes");
    assert.deepEqual(await list(), [Code.Unavailable, "failed to list agents: datastore-fake: away"]);
    store.fail("listNodes", new StatusError(Code.InvalidArgument, "TOKEN", "datastore-fake: no such page"));
    assert.deepEqual(await list(), [
      Code.InvalidArgument,
      "failed to list agents: datastore-fake: no such page",
    ]);
  });
});

describe("countAgents()", () => {
  it("counts, or says why it cannot", async () => {
    const { handlers, store } = await server();
    const count = () => handlers.countAgents({ filter: undefined }, fakeCall());
    assert.deepEqual(await count(), { count: 1 });
    store.fail("countNodes");
    assert.deepEqual(await refusal(count), [Code.Internal, "failed to count agents: datastore-fake: away"]);
  });
});

describe("parseFilter()", () => {
  const none: ListAgentsRequest_Filter = {
    byAttestationType: "",
    bySelectorMatch: undefined,
    byBanned: undefined,
    byCanReattest: undefined,
    byExpiresBefore: "",
  };
  const selectors = [{ type: "x509pop", value: "subject:cn:a" }];
  const { MATCH_EXACT, MATCH_SUBSET, MATCH_SUPERSET, MATCH_ANY } = SelectorMatch_MatchBehavior;
  const good: readonly (readonly [
    title: string,
    filter: Partial<ListAgentsRequest_Filter>,
    parsed: NodeFilter,
  ])[] = [
    ["nothing", {}, {}],
    ["an attestation type", { byAttestationType: "x509pop" }, { byAttestationType: "x509pop" }],
    ["the banned", { byBanned: true }, { byBanned: true }],
    ["the others", { byBanned: false }, { byBanned: false }],
    ["those that can attest again", { byCanReattest: true }, { byCanReattest: true }],
    ["those that cannot", { byCanReattest: false }, { byCanReattest: false }],
    [
      "a time",
      { byExpiresBefore: "2026-01-02 15:04:05 -0700 -07" },
      { byExpiresBefore: new Date("2026-01-02T22:04:05Z") },
    ],
    ...(
      [
        [MATCH_EXACT, "exact"],
        [MATCH_SUBSET, "subset"],
        [MATCH_SUPERSET, "superset"],
        [MATCH_ANY, "any"],
      ] as const
    ).map(
      ([wireMatch, match]) =>
        [
          `selectors, ${match}`,
          { bySelectorMatch: { selectors, match: wireMatch } },
          { bySelectors: { selectors, match } },
        ] as const,
    ),
  ];
  for (const [title, filter, parsed] of good)
    it(`reads ${title}`, () => assert.deepEqual(parseFilter({ ...none, ...filter }), parsed));

  it("takes no filter for one of nothing", () => assert.deepEqual(parseFilter(undefined), {}));

  const time = 'by_expires_before must look like "2006-01-02 15:04:05 -0700 -07", not ';
  const bad: readonly [title: string, filter: Partial<ListAgentsRequest_Filter>, message: string][] = [
    ["a time of another form", { byExpiresBefore: "2026-01-02" }, `${time}"2026-01-02"`],
    [
      "a day that is none",
      { byExpiresBefore: "2026-13-02 15:04:05 -0700 -07" },
      `${time}"2026-13-02 15:04:05 -0700 -07"`,
    ],
    [
      "a selector without a type",
      { bySelectorMatch: { selectors: [{ type: "", value: "very-secret" }], match: MATCH_ANY } },
      "failed to parse selectors: missing selector type",
    ],
    [
      "a comparison that is none",
      { bySelectorMatch: { selectors, match: 7 as typeof MATCH_ANY } },
      'failed to parse selectors: unhandled match behavior "7"',
    ],
  ];
  for (const [title, filter, message] of bad) {
    it(`rejects ${title}`, async () => {
      assert.deepEqual(await refusal(() => parseFilter({ ...none, ...filter })), [
        Code.InvalidArgument,
        message,
      ]);
    });
  }
});

describe("postStatus()", () => {
  it("takes note of the caller's version, and of nothing when it says none", async () => {
    const { handlers, store } = await server();
    const post = (agentVersion: string) => {
      const call = fakeCall();
      const answer = handlers.postStatus({ currentBundleSerial: 7, agentVersion } as never, call);
      return Promise.resolve(answer).then(() => call.trail.fields);
    };
    assert.deepEqual(await post("1.3.0"), { spiffe_id: id.toString(), agent_version: "1.3.0" });
    await post("");
    assert.deepEqual([...store.nodes.values()], [{ ...node, agentVersion: "1.3.0" }]);
    await post("v".repeat(255));
    assert.deepEqual(await refusal(() => post("v".repeat(256))), [
      Code.InvalidArgument,
      "agent version is too long (max 255 characters)",
    ]);
  });

  it("refuses an agent that is gone, and says what the store could not do", async () => {
    const { handlers, store } = await server();
    const post = () => refusal(() => handlers.postStatus({ agentVersion: "1" } as never, fakeCall()));
    store.fail("updateNode");
    assert.deepEqual(await post(), [Code.Internal, "failed to update agent: datastore-fake: away"]);
    store.work();
    store.nodes.clear();
    assert.deepEqual(await post(), [Code.NotFound, "agent not found"]);
  });

  it("asks the limit first", async () => {
    const { handlers } = await fakeAgentService({
      callerId: id,
      rateLimit: async () => {
        throw new StatusError(Code.ResourceExhausted, "RATE_LIMIT", "no room");
      },
    });
    assert.deepEqual(await refusal(() => handlers.postStatus({ agentVersion: "1" } as never, fakeCall())), [
      Code.ResourceExhausted,
      "rejecting request due to post status rate limiting: no room",
    ]);
  });
});
