import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Clock, Logger } from "@finial/sdk";
import { StatusError } from "@finial/sdk";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { NodeAttestor } from "../facade/nodeattestor.ts";
import { type Attested, attestAgent } from "./attest-agent.ts";
import { getBundle } from "./get-bundle.ts";
import { type ServerAddress, ServerConnection } from "./server-connection.ts";
import { checkServerName, verifyServer } from "./verify-server.ts";

const bundleTimeoutMs = 30_000;

export interface NodeAttestationOptions {
  readonly server: ServerAddress;
  readonly attestor: NodeAttestor;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What an agent that is nobody yet asks of the server. */
export interface NodeAttestation {
  /**
   * @param bundle what the server is verified against; undefined for insecure bootstrap, which believes any.
   * @returns also the server's bundle as of now.
   */
  attest(
    request: { readonly csrDer: Buffer; readonly bundle: Bundle | undefined },
    options: { readonly signal: AbortSignal },
  ): Promise<Attested & { readonly bundle: Bundle }>;
}

/** Attests over a connection of its own, without a client certificate. */
export function nodeAttestation({
  server,
  attestor,
  trustDomain,
  clock,
  logger,
}: NodeAttestationOptions): NodeAttestation {
  return {
    attest: async ({ csrDer, bundle }, { signal }) => {
      using connection = new ServerConnection(server, {
        identity: () => undefined,
        verify: (chainDer) =>
          bundle === undefined
            ? checkServerName(chainDer, { trustDomain, logger })
            : verifyServer(chainDer, { bundle, clock }),
      });
      const attested = await attestAgent(connection.client(AgentDefinition), { attestor, csrDer, signal });
      try {
        const client = connection.client(BundleDefinition);
        return { ...attested, bundle: await getBundle(client, { signal, deadlineMs: bundleTimeoutMs }) };
      } catch (error) {
        throw StatusError.from(error).prefixed("failed to get updated bundle: ");
      }
    },
  };
}
