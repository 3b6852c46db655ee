import { readAgentId } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { writeNode } from "./write-node.ts";

/** Bans an agent: no SVID of its is good any more, and it cannot attest. Throws InvalidArgument, NotFound. */
export function banAgent(service: AgentService): AgentCall<"banAgent"> {
  return async ({ id }, context) => {
    const agentId = readAgentId(id, service, context);
    const banned = { serialNumber: "", newSerialNumber: "" };
    const { nodes } = service;
    await writeNode("failed to ban agent", () => nodes.inTurn(agentId, () => nodes.update(agentId, banned)));
    service.logger.info("Agent banned", { spiffe_id: agentId.toString() });
    return {};
  };
}
