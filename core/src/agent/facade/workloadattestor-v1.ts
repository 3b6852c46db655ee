import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { Code, StatusError } from "@finial/sdk";
import { createClient } from "@finial/sdk/internal";
import { checkSelector } from "@finial/sdk/spiffe";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import type { WorkloadAttestor } from "./workloadattestor.ts";

/** The WorkloadAttestor port over `spire.plugin.agent.workloadattestor.v1`. */
export function bindWorkloadAttestorV1({ name, channel }: BoundPlugin): WorkloadAttestor {
  const client = createClient(WorkloadAttestorDefinition, channel);
  return {
    name,
    attest: (pid, { signal }) =>
      prefixed({ type: "WorkloadAttestor", name }, async () => {
        const { selectorValues } = await client.attest({ pid }, { signal });
        try {
          return selectorValues.map((value) => checkSelector({ type: name, value }));
        } catch (error) {
          const { message } = StatusError.from(error);
          throw new StatusError(Code.Internal, "PLUGIN_RESPONSE", `plugin response is malformed: ${message}`);
        }
      }),
  };
}
