import { randomBytes } from "node:crypto";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/server";
import { type Config, parseConfig } from "./config.ts";
import { parseName, requireProof } from "./proof.ts";

/** NodeAttestor "__NAME__": lets an agent in that knows a secret, which it never sends. */
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
        attest: async function* (requests) {
          const messages = requests[Symbol.asyncIterator]();
          const first = (await messages.next()).value?.request;
          const config = configured;
          if (config === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          if (first?.$case !== "payload")
            throw new StatusError(Code.InvalidArgument, "PAYLOAD", "missing attestation payload");
          const name = parseName(first.value);

          const challenge = randomBytes(32);
          yield { response: { $case: "challenge", value: challenge } };
          const second = (await messages.next()).value?.request;
          const proof = second?.$case === "challengeResponse" ? second.value : Buffer.alloc(0);
          requireProof(config.secret, challenge, name, proof);

          const value = {
            spiffeId: `spiffe://${config.trustDomain.name}/spire/agent/__NAME__/${name}`,
            selectorValues: [`name:${name}`],
            canReattest: true,
          };
          yield { response: { $case: "agentAttributes", value } };
        },
      },
    };
  },
});
