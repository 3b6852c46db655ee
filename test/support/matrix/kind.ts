/** A plugin type that both SPIRE and Finial load, and what its contract holds. */
export interface PluginKind {
  readonly side: "server" | "agent";
  /** As in the configuration. */
  readonly type: string;
  /** All RPCs of its service, by their names on the wire. */
  readonly rpcs: readonly string[];
  /** What the plugin asks of the host while it serves, and the code it is answered with. */
  readonly hostCalls?: readonly (readonly [rpc: string, code: string])[];
}

const keyManagerRpcs = ["GenerateKey", "GetPublicKey", "GetPublicKeys", "SignData"];

export const pluginKinds: readonly PluginKind[] = [
  { side: "server", type: "KeyManager", rpcs: keyManagerRpcs },
  {
    side: "server",
    type: "NodeAttestor",
    rpcs: ["Attest"],
    // An agent that nobody knows yet, and the same when it comes again.
    hostCalls: [
      ["GetAgentInfo", "NotFound"],
      ["GetAgentInfo", "OK"],
    ],
  },
  {
    side: "server",
    type: "UpstreamAuthority",
    rpcs: ["MintX509CAAndSubscribe", "PublishJWTKeyAndSubscribe", "SubscribeToLocalBundle"],
  },
  {
    side: "server",
    type: "CredentialComposer",
    rpcs: [
      "ComposeServerX509CA",
      "ComposeServerX509SVID",
      "ComposeAgentX509SVID",
      "ComposeWorkloadX509SVID",
      "ComposeWorkloadJWTSVID",
    ],
  },
  { side: "server", type: "Notifier", rpcs: ["Notify", "NotifyAndAdvise"] },
  {
    side: "server",
    type: "BundlePublisher",
    rpcs: ["PublishBundle"],
    hostCalls: [["FetchX509Identity", "OK"]],
  },
  { side: "agent", type: "KeyManager", rpcs: keyManagerRpcs },
  { side: "agent", type: "NodeAttestor", rpcs: ["AidAttestation"] },
  { side: "agent", type: "WorkloadAttestor", rpcs: ["Attest", "AttestReference"] },
  { side: "agent", type: "SVIDStore", rpcs: ["PutX509SVID", "DeleteX509SVID"] },
];

/** The kind's place in everything that lists them: `server/KeyManager`. */
export function addressOf({ side, type }: Pick<PluginKind, "side" | "type">): string {
  return `${side}/${type}`;
}

/** What the matrix has its plugin configured with, and sees again in what the plugin does. */
export function wordOf(kind: Pick<PluginKind, "side" | "type">): string {
  return `${kind.side}-${kind.type.toLowerCase()}`;
}
