import { WorkloadPIDReference } from "@finial/proto/broker/reference";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { Code, StatusError } from "@finial/sdk";
import { checkSelector } from "@finial/sdk/spiffe";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import type { WorkloadAttestor } from "./workloadattestor.ts";

/** `google.protobuf.Any` names what it holds by this prefix and the message's full name. */
const pidReferenceUrl = "type.googleapis.com/spiffe.broker.WorkloadPIDReference";

/**
 * The WorkloadAttestor port over `spire.plugin.agent.workloadattestor.v1`. A plugin that knows workloads by references alone is
 * given one of the process.
 */
export function bindWorkloadAttestorV1({ name, client: clientOf }: BoundPlugin): WorkloadAttestor {
  const client = clientOf(WorkloadAttestorDefinition);

  const attestReference = async (pid: number, signal: AbortSignal): Promise<readonly string[]> => {
    const value = Buffer.from(WorkloadPIDReference.encode({ pid }).finish());
    const reference = { typeUrl: pidReferenceUrl, value };
    return (await client.attestReference({ reference }, { signal })).selectorValues;
  };

  const attest = async (pid: number, signal: AbortSignal): Promise<readonly string[]> => {
    try {
      return (await client.attest({ pid }, { signal })).selectorValues;
    } catch (error) {
      if (StatusError.from(error).code !== Code.Unimplemented) throw error;
      return await attestReference(pid, signal);
    }
  };

  return {
    name,
    attest: (pid, { signal }) =>
      prefixed({ type: "WorkloadAttestor", name }, async () => {
        const selectorValues = await attest(pid, signal);
        try {
          return selectorValues.map((value) => checkSelector({ type: name, value }));
        } catch (error) {
          const { message } = StatusError.from(error);
          throw new StatusError(Code.Internal, "PLUGIN_RESPONSE", `plugin response is malformed: ${message}`);
        }
      }),
  };
}
