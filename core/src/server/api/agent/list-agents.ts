import { toWireAgent } from "../../../kernel/convert/agent.ts";
import { failure, passedOn } from "../failure.ts";
import { parseFilter } from "./filter.ts";
import type { AgentCall, AgentService } from "./service.ts";

/** Lists agents, a page if asked for. Throws InvalidArgument for a malformed filter or page token. */
export function listAgents({ store }: AgentService): AgentCall<"listAgents"> {
  return async ({ filter, outputMask, pageSize, pageToken }) => {
    const parsed = parseFilter(filter);
    const withSelectors = outputMask === undefined || outputMask.selectors;
    const page = pageSize > 0 ? { page: { size: pageSize, token: pageToken } } : {};
    try {
      const { items, nextToken } = await store.listNodes(parsed, { withSelectors, ...page });
      return {
        agents: items.map((node) => toWireAgent(node, outputMask)),
        nextPageToken: nextToken,
      };
    } catch (error) {
      throw failure(passedOn(error), "AGENT_LIST", "failed to list agents", error);
    }
  };
}
