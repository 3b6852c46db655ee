import { BundlePublisherDefinition } from "@finial/proto/plugin/server/bundlepublisher/v1/bundlepublisher";
import { CredentialComposerDefinition } from "@finial/proto/plugin/server/credentialcomposer/v1/credentialcomposer";
import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { KeyManagerDefinition } from "@finial/proto/plugin/server/keymanager/v1/keymanager";
import { NodeAttestorDefinition } from "@finial/proto/plugin/server/nodeattestor/v1/nodeattestor";
import { NodeResolverDefinition } from "@finial/proto/plugin/server/noderesolver/v1/noderesolver";
import { NotifierDefinition } from "@finial/proto/plugin/server/notifier/v1/notifier";
import { UpstreamAuthorityDefinition } from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import { type PluginType, pluginType } from "./plugin/plugin-type.ts";

/** Messages that SPIRE keeps as blobs in its database. */
export * as spireCommon from "@finial/proto/common/common";
export { MetricsDefinition } from "@finial/proto/plugin/hostservice/common/metrics/v1/metrics";
export { AgentStoreDefinition } from "@finial/proto/plugin/hostservice/server/agentstore/v1/agentstore";
export { IdentityProviderDefinition } from "@finial/proto/plugin/hostservice/server/identityprovider/v1/identityprovider";
/** Messages of the DataStore type. */
export * as datastore from "@finial/proto/plugin/server/datastore/v1/datastore";
export {
  HashAlgorithm,
  KeyType,
  type PublicKey as WirePublicKey,
  type SignDataRequest,
} from "@finial/proto/plugin/server/keymanager/v1/keymanager";
export {
  Hash as SignerHash,
  SignerDefinition,
} from "@finial/proto/plugin/server/keymanager/v1/signer";

/** The server's plugin types, for definePlugin. */
export const DataStore: PluginType<typeof DataStoreDefinition> = pluginType(
  "server",
  "DataStore",
  DataStoreDefinition,
);
export const KeyManager: PluginType<typeof KeyManagerDefinition> = pluginType(
  "server",
  "KeyManager",
  KeyManagerDefinition,
);
export const NodeAttestor: PluginType<typeof NodeAttestorDefinition> = pluginType(
  "server",
  "NodeAttestor",
  NodeAttestorDefinition,
);
export const NodeResolver: PluginType<typeof NodeResolverDefinition> = pluginType(
  "server",
  "NodeResolver",
  NodeResolverDefinition,
);
export const UpstreamAuthority: PluginType<typeof UpstreamAuthorityDefinition> = pluginType(
  "server",
  "UpstreamAuthority",
  UpstreamAuthorityDefinition,
);
export const CredentialComposer: PluginType<typeof CredentialComposerDefinition> = pluginType(
  "server",
  "CredentialComposer",
  CredentialComposerDefinition,
);
export const Notifier: PluginType<typeof NotifierDefinition> = pluginType(
  "server",
  "Notifier",
  NotifierDefinition,
);
export const BundlePublisher: PluginType<typeof BundlePublisherDefinition> = pluginType(
  "server",
  "BundlePublisher",
  BundlePublisherDefinition,
);
