import { readAgentId } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { writeNode } from "./write-node.ts";

/** Forgets an agent: it must attest again. Throws InvalidArgument for an ID that is no agent's here, NotFound. */
export function deleteAgent(service: AgentService): AgentCall<"deleteAgent"> {
  return async ({ id }, context) => {
    const agentId = readAgentId(id, service, context);
    const { nodes } = service;
    await writeNode("failed to remove agent", () => nodes.inTurn(agentId, () => nodes.delete(agentId)));
    service.logger.info("Agent deleted", { spiffe_id: agentId.toString() });
    return {};
  };
}
