import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { AgentStoreDefinition, NodeAttestor } from "@finial/sdk/server";
import { backwards } from "./backwards.ts";
import { PluginRecord, parseConfig } from "./record.ts";

/** What an agent has to send back, turned round. */
const challenge = "say it backwards";

/** Knows an agent that can turn a sentence round, whatever it says its name is. */
export const nodeAttestor: Plugin = definePlugin({
  type: NodeAttestor,
  name: "matrix",
  parseConfig,
  open: (host) => {
    const record = new PluginRecord(host);
    const agents = host.service(AgentStoreDefinition);
    return {
      configure: (config) => record.configure(config),
      close: () => record.close(),
      service: {
        attest: async function* (requests) {
          const { trustDomain } = record.asked("Attest");
          const messages = requests[Symbol.asyncIterator]();
          const first = (await messages.next()).value?.request;
          if (first?.$case !== "payload")
            throw new StatusError(Code.InvalidArgument, "PAYLOAD_MISSING", "missing attestation payload");
          const name = first.value.toString();
          yield { response: { $case: "challenge", value: Buffer.from(challenge) } };
          const second = (await messages.next()).value?.request;
          if (second?.$case !== "challengeResponse" || second.value.toString() !== backwards(challenge))
            throw new StatusError(Code.PermissionDenied, "CHALLENGE", "that is not it backwards");
          const spiffeId = `spiffe://${trustDomain}/spire/agent/matrix/${name}`;
          await record.ask(
            "GetAgentInfo",
            () => agents.getAgentInfo({ agentId: spiffeId }),
            ({ info }) => [info?.agentId],
          );
          const selectorValues = [`name:${name}`, "challenged:true"];
          yield {
            response: { $case: "agentAttributes", value: { spiffeId, selectorValues, canReattest: true } },
          };
        },
      },
    };
  },
});
