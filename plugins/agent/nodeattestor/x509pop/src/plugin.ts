import { randomBytes } from "node:crypto";
import { answerChallenge, encodeAttestationData } from "@finial/plugin-common-x509pop";
import { Code, definePlugin, type Plugin, StatusError } from "@finial/sdk";
import { NodeAttestor } from "@finial/sdk/agent";
import { type Config, parseConfig } from "./config.ts";
import { loadFiles, loadIdentity } from "./identity.ts";

/** NodeAttestor "x509pop" of the agent: shows a certificate and proves to hold its key. Both are read at each attestation. */
export const plugin: Plugin = definePlugin({
  type: NodeAttestor,
  name: "x509pop",
  parseConfig,
  open: () => {
    let configured: Config | undefined;
    return {
      configure: (config) => {
        // Files must be there from the start; the other agent may come later.
        if (config.source === "files") loadFiles(config);
        configured = config;
      },
      service: {
        aidAttestation: async function* (challenges, { signal }) {
          if (configured === undefined)
            throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
          const { chainDer, privateKey } = await loadIdentity(configured, signal);
          yield { data: { $case: "payload", value: encodeAttestationData(chainDer) } };
          for await (const { challenge } of challenges) {
            const value = await answerChallenge(privateKey, challenge, randomBytes);
            yield { data: { $case: "challengeResponse", value } };
            return;
          }
        },
      },
    };
  },
});
