import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PluginDefinition } from "@finial/proto/api/plugin/v1/plugin";
import { AgentDefinition } from "@finial/proto/api/server/agent/v1/agent";
import { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import { DebugDefinition } from "@finial/proto/api/server/debug/v1/debug";
import { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import { LocalAuthorityDefinition } from "@finial/proto/api/server/localauthority/v1/localauthority";
import { LoggerDefinition } from "@finial/proto/api/server/logger/v1/logger";
import { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import { TrustDomainDefinition } from "@finial/proto/api/server/trustdomain/v1/trustdomain";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { Code, StatusError } from "@finial/sdk";
import { audienceOf, type CallerKind } from "./policy.ts";

const served = [
  AgentDefinition,
  BundleDefinition,
  DebugDefinition,
  EntryDefinition,
  LocalAuthorityDefinition,
  LoggerDefinition,
  PluginDefinition,
  SVIDDefinition,
  TrustDomainDefinition,
  HealthDefinition,
];

/** Every RPC there is, and one that our copy of the health service lacks. L local, A admin, G agent, D downstream, * any: the table of SPIRE's authorization policy, and what is ours. */
const matrix: Readonly<Record<string, string>> = {
  "spire.api.server.agent.v1.Agent/CountAgents": "LA",
  "spire.api.server.agent.v1.Agent/ListAgents": "LA",
  "spire.api.server.agent.v1.Agent/GetAgent": "LA",
  "spire.api.server.agent.v1.Agent/DeleteAgent": "LA",
  "spire.api.server.agent.v1.Agent/BanAgent": "LA",
  "spire.api.server.agent.v1.Agent/AttestAgent": "*",
  "spire.api.server.agent.v1.Agent/RenewAgent": "G",
  "spire.api.server.agent.v1.Agent/CreateJoinToken": "LA",
  "spire.api.server.agent.v1.Agent/PostStatus": "G",
  "spire.api.server.bundle.v1.Bundle/CountBundles": "LA",
  "spire.api.server.bundle.v1.Bundle/GetBundle": "*",
  "spire.api.server.bundle.v1.Bundle/AppendBundle": "LA",
  "spire.api.server.bundle.v1.Bundle/PublishJWTAuthority": "D",
  "spire.api.server.bundle.v1.Bundle/PublishWITAuthority": "D",
  "spire.api.server.bundle.v1.Bundle/ListFederatedBundles": "LA",
  "spire.api.server.bundle.v1.Bundle/GetFederatedBundle": "LAG",
  "spire.api.server.bundle.v1.Bundle/BatchCreateFederatedBundle": "LA",
  "spire.api.server.bundle.v1.Bundle/BatchUpdateFederatedBundle": "LA",
  "spire.api.server.bundle.v1.Bundle/BatchSetFederatedBundle": "LA",
  "spire.api.server.bundle.v1.Bundle/BatchDeleteFederatedBundle": "LA",
  "spire.api.server.debug.v1.Debug/GetInfo": "L",
  "spire.api.server.entry.v1.Entry/CountEntries": "LA",
  "spire.api.server.entry.v1.Entry/ListEntries": "LA",
  "spire.api.server.entry.v1.Entry/GetEntry": "LA",
  "spire.api.server.entry.v1.Entry/BatchCreateEntry": "LA",
  "spire.api.server.entry.v1.Entry/BatchUpdateEntry": "LA",
  "spire.api.server.entry.v1.Entry/BatchDeleteEntry": "LA",
  "spire.api.server.entry.v1.Entry/GetAuthorizedEntries": "G",
  "spire.api.server.entry.v1.Entry/SyncAuthorizedEntries": "G",
  "spire.api.server.localauthority.v1.LocalAuthority/GetJWTAuthorityState": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/PrepareJWTAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/ActivateJWTAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/TaintJWTAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/RevokeJWTAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/GetX509AuthorityState": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/PrepareX509Authority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/ActivateX509Authority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/TaintX509Authority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/TaintX509UpstreamAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/RevokeX509Authority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/RevokeX509UpstreamAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/GetWITAuthorityState": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/PrepareWITAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/ActivateWITAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/TaintWITAuthority": "LA",
  "spire.api.server.localauthority.v1.LocalAuthority/RevokeWITAuthority": "LA",
  "spire.api.server.logger.v1.Logger/GetLogger": "L",
  "spire.api.server.logger.v1.Logger/SetLogLevel": "L",
  "spire.api.server.logger.v1.Logger/ResetLogLevel": "L",
  "spire.api.server.svid.v1.SVID/MintX509SVID": "LA",
  "spire.api.server.svid.v1.SVID/MintJWTSVID": "LA",
  "spire.api.server.svid.v1.SVID/MintWITSVID": "LA",
  "spire.api.server.svid.v1.SVID/BatchNewX509SVID": "G",
  "spire.api.server.svid.v1.SVID/NewJWTSVID": "G",
  "spire.api.server.svid.v1.SVID/BatchNewWITSVID": "G",
  "spire.api.server.svid.v1.SVID/NewDownstreamX509CA": "D",
  "spire.api.server.trustdomain.v1.TrustDomain/ListFederationRelationships": "LA",
  "spire.api.server.trustdomain.v1.TrustDomain/GetFederationRelationship": "LA",
  "spire.api.server.trustdomain.v1.TrustDomain/BatchCreateFederationRelationship": "LA",
  "spire.api.server.trustdomain.v1.TrustDomain/BatchUpdateFederationRelationship": "LA",
  "spire.api.server.trustdomain.v1.TrustDomain/BatchDeleteFederationRelationship": "LA",
  "spire.api.server.trustdomain.v1.TrustDomain/RefreshBundle": "LA",
  "finial.api.plugin.v1.Plugin/ListPlugins": "L",
  "finial.api.plugin.v1.Plugin/RestartPlugin": "L",
  "finial.api.plugin.v1.Plugin/UpgradePlugin": "L",
  "finial.api.plugin.v1.Plugin/ReconfigurePlugins": "L",
  "finial.api.plugin.v1.Plugin/WatchPluginLog": "L",
  "grpc.health.v1.Health/Check": "L",
  "grpc.health.v1.Health/List": "L",
  "grpc.health.v1.Health/Watch": "L",
};

const letters = { local: "L", admin: "A", agent: "G", downstream: "D", any: "*" } as const satisfies Record<
  CallerKind,
  string
>;

describe("audienceOf()", () => {
  it("opens every RPC of the server's services to whom SPIRE opens it, and to nobody else", () => {
    const rpcs = served.flatMap(({ fullName, methods }) =>
      Object.values(methods).map(({ name }) => `${fullName}/${name}`),
    );
    const open = (rpc: string): string => {
      const audience = audienceOf(`/${rpc}`);
      return Object.entries(letters)
        .filter(([kind]) => audience.includes(kind as CallerKind))
        .map(([, letter]) => letter)
        .join("");
    };
    const all = new Set([...rpcs, ...Object.keys(matrix)]);
    assert.deepEqual(Object.fromEntries([...all].map((rpc) => [rpc, open(rpc)])), matrix);
  });

  const unlisted = [
    "/spire.api.server.agent.v1.Agent/NoSuch",
    "/spire.api.server.agent.v2.Agent/BanAgent",
    "/spire.api.server.agent.v1.agent/BanAgent",
    "spire.api.server.agent.v1.Agent/BanAgent",
    "//spire.api.server.agent.v1.Agent/BanAgent",
    "/constructor/name",
    "/toString/constructor",
    "/__proto__/toString",
    "/spire.api.server.agent.v1.Agent/constructor",
    "/spire.api.server.agent.v1.Agent/",
    "/",
    "",
  ];
  for (const method of unlisted) {
    it(`opens ${JSON.stringify(method)} to nobody`, () => {
      assert.throws(
        () => audienceOf(method),
        new StatusError(
          Code.PermissionDenied,
          "AUTHORIZATION_DENIED",
          `authorization denied for method ${method}`,
        ),
      );
    });
  }
});
