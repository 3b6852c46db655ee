import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain } from "@finial/sdk/spiffe";
import {
  fromWireAgentId,
  fromWireMemberId,
  fromWireSpiffeId,
  fromWireWorkloadId,
  toWireSpiffeId,
} from "./spiffe-id.ts";

const example = parseTrustDomain("example.org");
const at = (path: string, trustDomain = "example.org") => ({ trustDomain, path });

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, Code.InvalidArgument);
    return error.message;
  }
  return "accepted";
}

describe("toWireSpiffeId()", () => {
  it("keeps trust domain and path", () => {
    const id = parseSpiffeId("spiffe://example.org/a/b");
    assert.deepEqual(toWireSpiffeId(id), at("/a/b"));
    assert.ok(fromWireSpiffeId(toWireSpiffeId(id)).equals(id));
  });
});

describe("fromWireSpiffeId()", () => {
  const cases: readonly [wire: ReturnType<typeof at> | undefined, message: string][] = [
    [undefined, "request must specify SPIFFE ID"],
    [at("/a", ""), "trust domain is missing"],
    [at("a"), "path must have a leading slash"],
    [at("/a/"), "path cannot have a trailing slash"],
    [at(""), "accepted"],
  ];
  for (const [wire, message] of cases) {
    it(`says "${message}" for ${JSON.stringify(wire)}`, () => {
      assert.equal(
        refusal(() => fromWireSpiffeId(wire)),
        message,
      );
    });
  }
});

describe("IDs with a role", () => {
  const parsers = { member: fromWireMemberId, workload: fromWireWorkloadId, agent: fromWireAgentId };
  const cases: readonly [role: keyof typeof parsers, wire: ReturnType<typeof at>, message: string][] = [
    ["member", at("/spire/server"), "accepted"],
    ["member", at("/a", "other.org"), '"spiffe://other.org/a" is not a member of trust domain "example.org"'],
    ["member", at(""), '"spiffe://example.org" is not a member of trust domain "example.org"; path is empty'],
    ["workload", at("/spireful"), "accepted"],
    [
      "workload",
      at(""),
      '"spiffe://example.org" is not a workload in trust domain "example.org"; path is empty',
    ],
    [
      "workload",
      at("/spire"),
      '"spiffe://example.org/spire" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
    [
      "workload",
      at("/spire/agent/x"),
      '"spiffe://example.org/spire/agent/x" is not a workload in trust domain "example.org"; path is in the reserved namespace',
    ],
    ["agent", at("/spire/agent/x"), "accepted"],
    ["agent", at(""), '"spiffe://example.org" is not an agent in trust domain "example.org"; path is empty'],
    [
      "agent",
      at("/spire/server"),
      '"spiffe://example.org/spire/server" is not an agent in trust domain "example.org"; path is not in the agent namespace',
    ],
  ];
  for (const [role, wire, message] of cases) {
    it(`${role} ${wire.trustDomain}${wire.path}: ${message}`, () => {
      assert.equal(
        refusal(() => parsers[role](wire, example)),
        message,
      );
    });
  }
});
