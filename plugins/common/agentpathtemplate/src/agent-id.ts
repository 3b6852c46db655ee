import { Code, StatusError } from "@finial/sdk";
import { checkPath, SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";
import type { AgentPathTemplate } from "./agent-path-template.ts";
import { TemplateError } from "./template-error.ts";
import type { TemplateData } from "./value.ts";

/**
 * The ID of an agent: the template's path below `/spire/agent`.
 *
 * @throws {StatusError} Internal when the template cannot be carried out, or what comes out is no path.
 */
export function makeAgentId(
  trustDomain: TrustDomain,
  template: AgentPathTemplate,
  data: TemplateData,
): SpiffeId {
  try {
    const suffix = template.execute(data);
    try {
      checkPath(suffix);
    } catch (error) {
      throw new TemplateError(
        `invalid agent path suffix ${JSON.stringify(suffix)}: ${StatusError.from(error).message}`,
      );
    }
    return SpiffeId.make(trustDomain, `/spire/agent${suffix}`);
  } catch (error) {
    if (!(error instanceof TemplateError || error instanceof StatusError)) throw error;
    throw new StatusError(Code.Internal, "AGENT_ID", `failed to make spiffe id: ${error.message}`, {
      cause: error,
    });
  }
}
