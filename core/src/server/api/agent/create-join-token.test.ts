import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { Code, StatusError } from "@finial/sdk";
import { fakeCall } from "../fake-call.ts";
import { fakeAgentService } from "./fake-agent-service.ts";

const minuteLater = new Date("2026-01-01T00:01:00Z");

/** Asks for a token, and tells all that was made of it. */
async function create(request: {
  readonly ttl?: number;
  readonly token?: string;
  readonly agentId?: SPIFFEID;
}) {
  const service = await fakeAgentService();
  const call = fakeCall();
  const { ttl = 60, token = "abc", agentId } = request;
  const answer = await service.handlers.createJoinToken({ ttl, token, agentId }, call);
  return { ...service, answer, call };
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

describe("createJoinToken()", () => {
  it("makes the token that is wanted, good for as long as is wanted", async () => {
    const { answer, store } = await create({});
    assert.deepEqual(answer, { value: "abc", expiresAt: minuteLater.getTime() / 1000 });
    assert.deepEqual([...store.joinTokens.values()], [{ token: "abc", expiresAt: minuteLater }]);
    assert.equal(store.entries.size, 0);
  });

  it("makes one up when none is wanted, another each time", async () => {
    const [first, second] = [await create({ token: "" }), await create({ token: "" })];
    for (const { answer } of [first, second])
      assert.match(
        answer.value ?? "",
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
    assert.notEqual(first.answer.value, second.answer.value);
  });

  it("makes an alias for the agent, in the shape that goes when the agent goes", async () => {
    const { store, call } = await create({ agentId: { trustDomain: "example.org", path: "/node" } });
    const agentId = "spiffe://example.org/spire/agent/join_token/abc";
    const [entry] = store.entries.values();
    assert.deepEqual(
      [
        entry?.spiffeId.toString(),
        entry?.parentId.toString(),
        entry?.selectors,
        entry?.admin,
        entry?.downstream,
      ],
      ["spiffe://example.org/node", agentId, [{ type: "spiffe_id", value: agentId }], false, false],
    );
    assert.deepEqual(call.trail.fields, { ttl: 60, spiffe_id: "spiffe://example.org/node" });
  });

  it("never writes the token into the log, nor into the audit trail", async () => {
    const made = await create({ token: "s3cret", agentId: { trustDomain: "example.org", path: "/node" } });
    assert.ok(!JSON.stringify([made.logger.lines, made.call.trail]).includes("s3cret"));
  });

  const refused: readonly [title: string, request: Parameters<typeof create>[0], message: string][] = [
    ["no TTL", { ttl: 0 }, "ttl is required, you must provide one"],
    ["a negative TTL", { ttl: -1 }, "ttl is required, you must provide one"],
    [
      "a token that leads out of the agents' part",
      { token: "../../server" },
      "invalid token: path cannot contain dot segments",
    ],
    ["a token with an empty segment", { token: "a//b" }, "invalid token: path cannot contain empty segments"],
    ["a token that ends in a slash", { token: "a/" }, "invalid token: path cannot have a trailing slash"],
    [
      "a token with characters that no ID has",
      { token: "s3cret%2e" },
      "invalid token: path segment characters are limited to letters, numbers, dots, dashes, and underscores",
    ],
    [
      "a token as long as a novel",
      { token: "x".repeat(2048) },
      "invalid token: cannot be longer than 2048 bytes",
    ],
    [
      "an ID of another trust domain",
      { agentId: { trustDomain: "elsewhere.org", path: "/node" } },
      'invalid agent ID: "spiffe://elsewhere.org/node" is not a member of trust domain "example.org"',
    ],
    [
      "an ID without a path",
      { agentId: { trustDomain: "example.org", path: "" } },
      'invalid agent ID: "spiffe://example.org" is not a workload in trust domain "example.org"; path is empty',
    ],
    [
      "the server's ID",
      { agentId: { trustDomain: "example.org", path: "/spire/server" } },
      'invalid agent ID: "spiffe://example.org/spire/server" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
  ];
  for (const [title, request, message] of refused) {
    it(`refuses ${title}, and makes nothing`, async () => {
      const { handlers, store } = await fakeAgentService();
      const { ttl = 60, token = "abc", agentId } = request;
      assert.deepEqual(await refusal(() => handlers.createJoinToken({ ttl, token, agentId }, fakeCall())), [
        Code.InvalidArgument,
        message,
      ]);
      assert.deepEqual(store.calls, []);
    });
  }

  it("says what the store could not do", async () => {
    const { handlers, store } = await fakeAgentService();
    const agentId = { trustDomain: "example.org", path: "/node" };
    const make = () =>
      refusal(() => handlers.createJoinToken({ ttl: 60, token: "abc", agentId }, fakeCall()));
    store.fail("createEntry");
    assert.deepEqual(await make(), [
      Code.Internal,
      "failed to create join token registration entry: datastore-fake: away",
    ]);
    store.fail("createJoinToken");
    assert.deepEqual(await make(), [Code.Internal, "failed to create token: datastore-fake: away"]);
  });
});
