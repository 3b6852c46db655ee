import { KeyManagerDefinition as AgentKeyManager } from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
import { NodeAttestorDefinition as AgentNodeAttestor } from "@finial/proto/plugin/agent/nodeattestor/v1/nodeattestor";
import { SVIDStoreDefinition } from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { BundlePublisherDefinition } from "@finial/proto/plugin/server/bundlepublisher/v1/bundlepublisher";
import { CredentialComposerDefinition } from "@finial/proto/plugin/server/credentialcomposer/v1/credentialcomposer";
import { KeyManagerDefinition } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { NodeAttestorDefinition } from "@finial/proto/plugin/server/nodeattestor/v1/nodeattestor";
import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import { UpstreamAuthorityDefinition } from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import type { ServiceDefinition } from "@finial/sdk/internal";

/** The service of each plugin type, by side and type. */
export const definitions: Readonly<Record<string, ServiceDefinition>> = {
  "server/KeyManager": KeyManagerDefinition,
  "server/NodeAttestor": NodeAttestorDefinition,
  "server/UpstreamAuthority": UpstreamAuthorityDefinition,
  "server/CredentialComposer": CredentialComposerDefinition,
  "server/Notifier": NotifierDefinition,
  "server/BundlePublisher": BundlePublisherDefinition,
  "agent/KeyManager": AgentKeyManager,
  "agent/NodeAttestor": AgentNodeAttestor,
  "agent/WorkloadAttestor": WorkloadAttestorDefinition,
  "agent/SVIDStore": SVIDStoreDefinition,
};
