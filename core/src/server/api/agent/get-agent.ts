import { Code } from "@finial/sdk";
import { toWireAgent } from "../../../kernel/convert/agent.ts";
import { failure } from "../failure.ts";
import { readAgentId } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";

/** Tells of one agent. Throws InvalidArgument for an ID that is no agent's here, NotFound. */
export function getAgent(service: AgentService): AgentCall<"getAgent"> {
  const { store } = service;
  return async ({ id, outputMask }, context) => {
    const agentId = readAgentId(id, service, context);
    const node = await attempt("failed to fetch agent", () => store.findNode(agentId));
    if (node === undefined) throw failure(Code.NotFound, "AGENT_NOT_FOUND", "agent not found");
    const selectors = await attempt("failed to get selectors from agent", () =>
      store.getNodeSelectors(agentId),
    );
    return toWireAgent({ ...node, selectors }, outputMask);
  };
}

async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(Code.Internal, "AGENT_FETCH", what, error);
  }
}
