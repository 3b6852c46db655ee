import { Agent, type AgentMask } from "@finial/proto/api/types/agent";
import type { Selector, SpiffeId } from "@finial/sdk/spiffe";
import { toWireSeconds } from "./instant.ts";
import { toWireSelectors } from "./selector.ts";
import { toWireSpiffeId } from "./spiffe-id.ts";

/** What the API tells of an attested node. An empty `serialNumber` (decimal) means banned. */
export interface AgentRecord {
  readonly spiffeId: SpiffeId;
  readonly attestationType: string;
  readonly serialNumber: string;
  readonly expiresAt: Date;
  readonly canReattest: boolean;
  readonly agentVersion: string;
  readonly selectors: readonly Selector[];
}

/**
 * An attested node as `spire.api.types.Agent`.
 *
 * @param mask the fields wanted besides the ID, which always goes; absent means all.
 */
export function toWireAgent(node: AgentRecord, mask?: AgentMask): Agent {
  const wants = (field: keyof AgentMask): boolean => mask === undefined || mask[field];
  return Agent.create({
    id: toWireSpiffeId(node.spiffeId),
    attestationType: wants("attestationType") ? node.attestationType : "",
    x509svidSerialNumber: wants("x509svidSerialNumber") ? node.serialNumber : "",
    x509svidExpiresAt: wants("x509svidExpiresAt") ? toWireSeconds(node.expiresAt) : 0,
    selectors: wants("selectors") ? toWireSelectors(node.selectors) : [],
    banned: wants("banned") && node.serialNumber === "",
    canReattest: wants("canReattest") && node.canReattest,
    agentVersion: wants("agentVersion") ? node.agentVersion : "",
  });
}
