import { NodeAttestorDefinition } from "@finial/proto/plugin/server/nodeattestor/v1/nodeattestor";
import { Code, StatusError } from "@finial/sdk";
import { checkSelector, parseSpiffeId } from "@finial/sdk/spiffe";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { prefixed } from "../../kernel/catalog/prefixed.ts";
import type { AttestedAgent, NodeAttestor } from "./nodeattestor.ts";

/** The NodeAttestor port over `spire.plugin.server.nodeattestor.v1`. */
export function bindNodeAttestorV1({ name, client: clientOf }: BoundPlugin): NodeAttestor {
  const client = clientOf(NodeAttestorDefinition);
  return {
    name,
    attest: (payload, challenge, { signal, forwardedHost, clientIp }) =>
      prefixed({ type: "NodeAttestor", name }, async () => {
        if (payload.length === 0)
          throw new StatusError(Code.InvalidArgument, "PAYLOAD_EMPTY", "payload cannot be empty");
        const metadata = {
          ...(forwardedHost !== "" && { "x-untrusted-forwarded-host": forwardedHost }),
          ...(clientIp !== "" && { "x-forwarded-client-ip": clientIp }),
        };
        const stream = client.attest({ signal, metadata });
        await stream.send({ request: { $case: "payload", value: payload } });
        // Leaving the loop cancels the stream, which is how an attestation ends.
        for await (const { response } of stream) {
          if (response?.$case === "agentAttributes") return readAgent(name, response.value);
          if (response?.$case !== "challenge")
            throw distrusted("plugin response missing challenge or agent attributes");
          const value = await challenge(response.value);
          await stream.send({ request: { $case: "challengeResponse", value } });
        }
        throw distrusted("plugin closed stream unexpectedly");
      }),
  };
}

function readAgent(
  type: string,
  attributes: {
    readonly spiffeId: string;
    readonly selectorValues: readonly string[];
    readonly canReattest: boolean;
  },
): AttestedAgent {
  const { spiffeId, selectorValues, canReattest } = attributes;
  if (spiffeId === "") throw distrusted("plugin response missing agent ID");
  try {
    return {
      spiffeId: parseSpiffeId(spiffeId),
      selectors: selectorValues.map((value) => checkSelector({ type, value })),
      canReattest,
    };
  } catch (error) {
    throw distrusted(`plugin response is malformed: ${StatusError.from(error).message}`);
  }
}

function distrusted(message: string): StatusError {
  return new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
}
