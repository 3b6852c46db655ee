import { NodeAttestorDefinition } from "@finial/proto/plugin/agent/nodeattestor/v1/nodeattestor";
import { Code, StatusError } from "@finial/sdk";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import type { NodeAttestor } from "./nodeattestor.ts";

/** The agent's NodeAttestor port over `spire.plugin.agent.nodeattestor.v1`. */
export function bindNodeAttestorV1({ name, client: clientOf }: BoundPlugin): NodeAttestor {
  const client = clientOf(NodeAttestorDefinition);
  const plugin = { type: "NodeAttestor", name };
  return {
    name,
    startAttestation: ({ signal }) =>
      prefixed(plugin, async () => {
        // Nothing is sent before a challenge comes: the plugin speaks first.
        const stream = client.aidAttestation({ signal });
        const answers = stream[Symbol.asyncIterator]();
        const { done, value } = await answers.next();
        if (done) throw distrusted("plugin closed stream before returning attestation data");
        const payload = value.data?.$case === "payload" ? value.data.value : Buffer.alloc(0);
        if (payload.length === 0) throw distrusted("plugin response missing attestation payload");
        return {
          payload,
          respond: (challenge) =>
            prefixed(plugin, async () => {
              await stream.send({ challenge });
              const answer = await answers.next();
              if (answer.done) throw distrusted("plugin closed stream before handling the challenge");
              const { data } = answer.value;
              const response = data?.$case === "challengeResponse" ? data.value : Buffer.alloc(0);
              if (response.length === 0) throw distrusted("plugin response missing challenge response");
              return response;
            }),
          [Symbol.asyncDispose]: async () => stream.cancel(),
        };
      }),
  };
}

function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
