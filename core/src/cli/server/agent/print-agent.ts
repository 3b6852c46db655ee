import type { Agent } from "@finial/proto/api/types/agent";
import { formatLocal } from "../../go-time.ts";
import { formatId } from "../entry/print-entry.ts";

/** An agent for people, then an empty line. */
export function formatAgent(agent: Agent): string {
  const rows: readonly (readonly [label: string, value: string])[] = [
    ["SPIFFE ID", formatId(agent.id)],
    ["Attestation type", agent.attestationType],
    ["Expiration time", formatLocal(new Date(agent.x509svidExpiresAt * 1000))],
    agent.banned ? ["Banned", "true"] : ["Serial number", agent.x509svidSerialNumber],
    ["Can re-attest", String(agent.canReattest)],
    ...(agent.agentVersion === "" ? [] : [["Agent version", agent.agentVersion] as const]),
  ];
  return `${rows.map(([label, value]) => formatRow(label, value)).join("")}\n`;
}

export function formatRow(label: string, value: string): string {
  return `${label.padEnd(18)}: ${value}\n`;
}
