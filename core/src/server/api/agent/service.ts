import type { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import type { Clock, Logger } from "@finial/sdk";
import type { CallContext, Handlers } from "@finial/sdk/internal";
import type { SpiffeId, TrustDomain } from "@finial/sdk/spiffe";
import type { X509SvidIssuer } from "../../ca/x509-svid-issuer.ts";
import type { DataStore } from "../../facade/datastore.ts";
import type { NodeAttestor } from "../../facade/nodeattestor.ts";
import type { AttestedNodes } from "../../node/attested-nodes.ts";

/** What the calls of `spire.api.server.agent.v1.Agent` stand on. */
export interface AgentService {
  readonly trustDomain: TrustDomain;
  readonly store: Pick<
    DataStore,
    | "countNodes"
    | "listNodes"
    | "findNode"
    | "getNodeSelectors"
    | "setNodeSelectors"
    | "createJoinToken"
    | "takeJoinToken"
    | "createEntry"
  >;
  readonly nodes: Pick<AttestedNodes, "create" | "update" | "delete" | "inTurn">;
  readonly x509: Pick<X509SvidIssuer, "issueToAgent">;
  /** By attestation type. */
  readonly findNodeAttestor: (type: string) => NodeAttestor | undefined;
  /** Adds `spiffe_id:<agent ID>` to what an attestor found. */
  readonly agentSpiffeIdAsSelector: boolean;
  readonly callerId: (context: CallContext) => SpiffeId | undefined;
  /** The caller's IP address; "" at the admin socket. */
  readonly callerAddress: (context: CallContext) => string;
  readonly rateLimit: (context: CallContext, count: number) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The handler of one of its calls. */
export type AgentCall<Method extends keyof typeof AgentDefinition.methods> = Handlers<
  typeof AgentDefinition
>[Method];
