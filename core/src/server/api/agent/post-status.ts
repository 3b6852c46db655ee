import { Code, StatusError } from "@finial/sdk";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { callerOf } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { writeNode } from "./write-node.ts";

const mostVersionCharacters = 255;

/** Takes note of an agent's version. Throws ResourceExhausted, InvalidArgument for a version too long, NotFound. */
export function postStatus(service: AgentService): AgentCall<"postStatus"> {
  return async ({ agentVersion }, context) => {
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to post status rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const id = callerOf(service, context);
    audit(context, () => ({ spiffe_id: id.toString(), agent_version: agentVersion }));
    if (agentVersion.length > mostVersionCharacters)
      throw failure(
        Code.InvalidArgument,
        "AGENT_VERSION_LENGTH",
        `agent version is too long (max ${mostVersionCharacters} characters)`,
      );
    if (agentVersion !== "")
      await writeNode("failed to update agent", () => service.nodes.update(id, { agentVersion }));
    return {};
  };
}
