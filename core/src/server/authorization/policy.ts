import { Code, StatusError } from "@finial/sdk";

/** Kinds of callers a method is open to. `admin` and `downstream` are what a registration entry of the caller's ID says. */
export type CallerKind = "any" | "local" | "admin" | "downstream" | "agent";

type Audience = readonly CallerKind[];

const any: Audience = ["any"];
const operators: Audience = ["local", "admin"];
const local: Audience = ["local"];
const agents: Audience = ["agent"];
const downstream: Audience = ["downstream"];

/** Who may call what, as SPIRE's own policy has it. What is not listed nobody may. */
const policy: Readonly<Record<string, Readonly<Record<string, Audience>>>> = {
  "spire.api.server.svid.v1.SVID": {
    MintX509SVID: operators,
    MintJWTSVID: operators,
    MintWITSVID: operators,
    BatchNewX509SVID: agents,
    NewJWTSVID: agents,
    BatchNewWITSVID: agents,
    NewDownstreamX509CA: downstream,
  },
  "spire.api.server.bundle.v1.Bundle": {
    GetBundle: any,
    AppendBundle: operators,
    PublishJWTAuthority: downstream,
    PublishWITAuthority: downstream,
    CountBundles: operators,
    ListFederatedBundles: operators,
    GetFederatedBundle: ["local", "admin", "agent"],
    BatchCreateFederatedBundle: operators,
    BatchUpdateFederatedBundle: operators,
    BatchSetFederatedBundle: operators,
    BatchDeleteFederatedBundle: operators,
  },
  "spire.api.server.debug.v1.Debug": {
    GetInfo: local,
  },
  "spire.api.server.entry.v1.Entry": {
    CountEntries: operators,
    ListEntries: operators,
    GetEntry: operators,
    BatchCreateEntry: operators,
    BatchUpdateEntry: operators,
    BatchDeleteEntry: operators,
    GetAuthorizedEntries: agents,
    SyncAuthorizedEntries: agents,
  },
  "spire.api.server.logger.v1.Logger": {
    GetLogger: local,
    SetLogLevel: local,
    ResetLogLevel: local,
  },
  "spire.api.server.agent.v1.Agent": {
    CountAgents: operators,
    ListAgents: operators,
    GetAgent: operators,
    DeleteAgent: operators,
    BanAgent: operators,
    AttestAgent: any,
    RenewAgent: agents,
    PostStatus: agents,
    CreateJoinToken: operators,
  },
  "finial.api.plugin.v1.Plugin": {
    ListPlugins: local,
    RestartPlugin: local,
    UpgradePlugin: local,
    ReconfigurePlugins: local,
    WatchPluginLog: local,
  },
  "grpc.health.v1.Health": {
    Check: local,
    List: local,
    Watch: local,
  },
  "spire.api.server.trustdomain.v1.TrustDomain": {
    ListFederationRelationships: operators,
    GetFederationRelationship: operators,
    BatchCreateFederationRelationship: operators,
    BatchUpdateFederationRelationship: operators,
    BatchDeleteFederationRelationship: operators,
    RefreshBundle: operators,
  },
  "spire.api.server.localauthority.v1.LocalAuthority": {
    GetJWTAuthorityState: operators,
    PrepareJWTAuthority: operators,
    ActivateJWTAuthority: operators,
    TaintJWTAuthority: operators,
    RevokeJWTAuthority: operators,
    GetX509AuthorityState: operators,
    PrepareX509Authority: operators,
    ActivateX509Authority: operators,
    TaintX509Authority: operators,
    TaintX509UpstreamAuthority: operators,
    RevokeX509Authority: operators,
    RevokeX509UpstreamAuthority: operators,
    GetWITAuthorityState: operators,
    PrepareWITAuthority: operators,
    ActivateWITAuthority: operators,
    TaintWITAuthority: operators,
    RevokeWITAuthority: operators,
  },
};

/** By `/package.Service/Method`. */
const audiences: ReadonlyMap<string, Audience> = new Map(
  Object.entries(policy).flatMap(([service, methods]) =>
    Object.entries(methods).map(([name, audience]) => [`/${service}/${name}`, audience] as const),
  ),
);

/**
 * @param method `/package.Service/Method`.
 * @throws {StatusError} PermissionDenied for a method nobody may call.
 */
export function audienceOf(method: string): Audience {
  const audience = audiences.get(method);
  if (audience === undefined) throw denied(method);
  return audience;
}

/** In SPIRE's words. */
export function denied(method: string, details: StatusError["details"] = []): StatusError {
  return new StatusError(
    Code.PermissionDenied,
    "AUTHORIZATION_DENIED",
    `authorization denied for method ${method}`,
    { details },
  );
}
