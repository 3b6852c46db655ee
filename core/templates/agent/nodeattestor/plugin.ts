import { createHmac } from "node:crypto";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import { type Config, parseConfig } from "./config.ts";

/** What the server's half sends, in bytes. */
const challengeBytes = 32;

/** NodeAttestor "__NAME__" of the agent: proves that it knows a secret, which it never sends. */
export const plugin: Plugin = definePlugin({
  type: NodeAttestor,
  name: "__NAME__",
  parseConfig,
  open: () => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        configured = config;
      },
      service: {
        aidAttestation: async function* (challenges) {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          const { agentName, secret } = configured;
          yield { data: { $case: "payload", value: Buffer.from(JSON.stringify({ name: agentName })) } };
          for await (const { challenge } of challenges) {
            if (challenge.length !== challengeBytes)
              throw new StatusError(Code.InvalidArgument, "CHALLENGE", "the challenge is of another method");
            const value = createHmac("sha256", secret).update(challenge).update(agentName).digest();
            yield { data: { $case: "challengeResponse", value } };
            return;
          }
        },
      },
    };
  },
});
