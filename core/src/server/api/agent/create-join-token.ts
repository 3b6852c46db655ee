import { randomUUID } from "node:crypto";
import { Code } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { fromWireWorkloadId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { joinTokenAgentId } from "./join-token.ts";
import type { AgentCall, AgentService } from "./service.ts";

/**
 * Makes a token one agent can attest with once, and with an ID an alias entry for that agent.
 *
 * Throws InvalidArgument without a TTL, for an ID that no workload can have, or a token that no ID can hold.
 */
export function createJoinToken(service: AgentService): AgentCall<"createJoinToken"> {
  const { store, clock } = service;
  return async ({ ttl, token: wanted, agentId }, context) => {
    audit(context, () => ({ ttl }));
    if (ttl < 1) throw failure(Code.InvalidArgument, "TTL_MISSING", "ttl is required, you must provide one");
    const alias = agentId && readAlias(agentId, service);
    const token = wanted === "" ? randomUUID() : wanted;
    const nodeId = readNodeId(token, service);
    const expiresAt = new Date(clock.now().getTime() + ttl * 1000);
    await attempt("failed to create token", () => store.createJoinToken({ token, expiresAt }));
    if (alias !== undefined) {
      audit(context, () => ({ spiffe_id: alias.toString() }));
      await attempt("failed to create join token registration entry", () =>
        store.createEntry(aliasEntry(alias, nodeId)),
      );
    }
    return { value: token, expiresAt: toWireSeconds(expiresAt) };
  };
}

function readNodeId(token: string, { trustDomain }: AgentService): SpiffeId {
  try {
    return joinTokenAgentId(trustDomain, token);
  } catch (error) {
    throw failure(Code.InvalidArgument, "TOKEN_INVALID", "invalid token", error);
  }
}

function readAlias(
  agentId: Parameters<typeof fromWireWorkloadId>[0],
  { trustDomain }: AgentService,
): SpiffeId {
  try {
    return fromWireWorkloadId(agentId, trustDomain);
  } catch (error) {
    throw failure(Code.InvalidArgument, "AGENT_ID_INVALID", "invalid agent ID", error);
  }
}

/** Below the node, for the node: this shape is what goes with the node when the node goes. */
function aliasEntry(spiffeId: SpiffeId, nodeId: SpiffeId) {
  return {
    id: "",
    spiffeId,
    parentId: nodeId,
    selectors: [{ type: "spiffe_id", value: nodeId.toString() }],
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
  };
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(Code.Internal, "TOKEN_CREATE", what, error);
  }
}
