import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { Code } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { fromWireAgentId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import type { AgentService } from "./service.ts";

/** The agent a request is about. @throws {StatusError} InvalidArgument. */
export function readAgentId(
  id: SPIFFEID | undefined,
  { trustDomain }: AgentService,
  context: CallContext,
): SpiffeId {
  try {
    const agentId = fromWireAgentId(id, trustDomain);
    audit(context, () => ({ spiffe_id: agentId.toString() }));
    return agentId;
  } catch (error) {
    throw failure(Code.InvalidArgument, "AGENT_ID_INVALID", "invalid agent ID", error);
  }
}

/** The calling agent. @throws {StatusError} Internal for a caller without a SPIFFE ID, which authorization should have refused. */
export function callerOf({ callerId }: AgentService, context: CallContext): SpiffeId {
  const id = callerId(context);
  if (id === undefined)
    throw failure(Code.Internal, "CALLER_ID_MISSING", "caller ID missing from request context");
  return id;
}
