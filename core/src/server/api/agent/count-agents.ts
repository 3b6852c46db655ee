import { Code } from "@finial/sdk";
import { failure } from "../failure.ts";
import { parseFilter } from "./filter.ts";
import type { AgentCall, AgentService } from "./service.ts";

/** Counts agents. Throws InvalidArgument for a malformed filter. */
export function countAgents({ store }: AgentService): AgentCall<"countAgents"> {
  return async ({ filter }) => {
    const parsed = parseFilter(filter);
    try {
      return { count: await store.countNodes(parsed) };
    } catch (error) {
      throw failure(Code.Internal, "AGENT_COUNT", "failed to count agents", error);
    }
  };
}
