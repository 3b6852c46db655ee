import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Agent, AgentMask } from "@finial/proto/api/types/agent";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import { type AgentRecord, toWireAgent } from "./agent.ts";

const node: AgentRecord = {
  spiffeId: parseSpiffeId("spiffe://example.org/spire/agent/x"),
  attestationType: "x509pop",
  serialNumber: "12345678901234567890",
  expiresAt: new Date(1_700_000_000_000),
  canReattest: true,
  agentVersion: "1.15.3",
  selectors: [{ type: "x509pop", value: "subject:cn:x" }],
};

const wire: Agent = {
  id: { trustDomain: "example.org", path: "/spire/agent/x" },
  attestationType: "x509pop",
  x509svidSerialNumber: "12345678901234567890",
  x509svidExpiresAt: 1_700_000_000,
  selectors: [{ type: "x509pop", value: "subject:cn:x" }],
  banned: false,
  canReattest: true,
  agentVersion: "1.15.3",
};

describe("toWireAgent()", () => {
  it("carries every field", () => assert.deepEqual(toWireAgent(node), wire));

  it("says banned of one without a serial number", () => {
    const banned = toWireAgent({ ...node, serialNumber: "" });
    assert.deepEqual(banned, { ...wire, x509svidSerialNumber: "", banned: true });
  });

  for (const field of Object.keys(AgentMask.create()) as (keyof AgentMask)[]) {
    it(`sends only ${field} and the ID when only that is wanted`, () => {
      const masked = toWireAgent(node, AgentMask.fromPartial({ [field]: true }));
      const id = parseSpiffeId("spiffe://example.org/spire/agent/x");
      assert.deepEqual(masked, {
        ...Agent.create({ id: { trustDomain: "example.org", path: id.path } }),
        [field]: wire[field],
      });
    });
  }
});
