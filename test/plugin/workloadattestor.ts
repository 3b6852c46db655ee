import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { WorkloadAttestor, WorkloadPIDReference } from "@finial/sdk/agent";
import { type Config, PluginRecord, parseConfig } from "./record.ts";

/** The reference a host makes of a process ID. */
const pidReference = "type.googleapis.com/spiffe.broker.WorkloadPIDReference";

/**
 * Knows every process, and says the word of its configuration of each. With `by_reference` it answers references alone, and a
 * host has to make one.
 */
export const workloadAttestor: Plugin = definePlugin({
  type: WorkloadAttestor,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        attest: ({ pid }) => {
          const config = record.asked("Attest");
          if (config.byReference)
            throw new StatusError(Code.Unimplemented, "REFERENCES", "workloads are known by references here");
          return { selectorValues: selectorsOf(config, pid) };
        },
        attestReference: ({ reference }) => {
          const config = record.asked("AttestReference", reference?.typeUrl);
          if (reference?.typeUrl !== pidReference)
            throw new StatusError(Code.InvalidArgument, "REFERENCE_TYPE", "unknown kind of reference");
          return { selectorValues: selectorsOf(config, WorkloadPIDReference.decode(reference.value).pid) };
        },
      },
    };
  },
});

function selectorsOf({ word }: Config, pid: number): string[] {
  return [`word:${word}`, `pid:${pid}`];
}
