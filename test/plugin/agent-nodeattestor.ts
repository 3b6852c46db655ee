import { definePlugin, type Plugin } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import { backwards } from "./backwards.ts";
import { PluginRecord, parseConfig } from "./record.ts";

/** Gives the word of its configuration for a name, and turns sentences round. */
export const agentNodeAttestor: Plugin = definePlugin({
  type: NodeAttestor,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        aidAttestation: async function* (challenges) {
          const { word } = record.asked("AidAttestation");
          yield { data: { $case: "payload", value: Buffer.from(word) } };
          for await (const { challenge } of challenges)
            yield {
              data: { $case: "challengeResponse", value: Buffer.from(backwards(challenge.toString())) },
            };
        },
      },
    };
  },
});
