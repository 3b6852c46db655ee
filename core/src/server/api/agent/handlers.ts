import type { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import type { Handlers } from "@finial/sdk/internal";
import { attestAgent } from "./attest-agent.ts";
import { banAgent } from "./ban-agent.ts";
import { countAgents } from "./count-agents.ts";
import { createJoinToken } from "./create-join-token.ts";
import { deleteAgent } from "./delete-agent.ts";
import { getAgent } from "./get-agent.ts";
import { listAgents } from "./list-agents.ts";
import { postStatus } from "./post-status.ts";
import { renewAgent } from "./renew-agent.ts";
import type { AgentService } from "./service.ts";

export type { AgentService } from "./service.ts";

/** The handlers of `spire.api.server.agent.v1.Agent`. */
export function makeAgentHandlers(service: AgentService): Handlers<typeof AgentDefinition> {
  return {
    countAgents: countAgents(service),
    listAgents: listAgents(service),
    getAgent: getAgent(service),
    deleteAgent: deleteAgent(service),
    banAgent: banAgent(service),
    attestAgent: attestAgent(service),
    renewAgent: renewAgent(service),
    createJoinToken: createJoinToken(service),
    postStatus: postStatus(service),
  };
}
