import { KeyManagerDefinition } from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
import { NodeAttestorDefinition } from "@finial/proto/plugin/agent/nodeattestor/v1/nodeattestor";
import { SVIDStoreDefinition } from "@finial/proto/plugin/agent/svidstore/v1/svidstore";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { type PluginType, pluginType } from "./plugin/plugin-type.ts";

/** What an agent may refer to a workload by. */
export { KubernetesObjectReference, WorkloadPIDReference } from "@finial/proto/broker/reference";
export { KeyExportDefinition } from "@finial/proto/plugin/agent/keymanager/v1/keyexport";
export {
  HashAlgorithm,
  KeyType,
  type PublicKey as WirePublicKey,
  type SignDataRequest,
} from "@finial/proto/plugin/agent/keymanager/v1/keymanager";
export {
  Hash as SignerHash,
  SignerDefinition,
} from "@finial/proto/plugin/agent/keymanager/v1/signer";
export { MetricsDefinition } from "@finial/proto/plugin/hostservice/common/metrics/v1/metrics";
export { fetchX509Svid, type WorkloadX509Svid } from "./workloadapi/fetch-x509-svid.ts";
export { workloadApiTarget } from "./workloadapi/workload-api-target.ts";

/** The agent's plugin types, for definePlugin. */
export const KeyManager: PluginType<typeof KeyManagerDefinition> = pluginType(
  "agent",
  "KeyManager",
  KeyManagerDefinition,
);
export const NodeAttestor: PluginType<typeof NodeAttestorDefinition> = pluginType(
  "agent",
  "NodeAttestor",
  NodeAttestorDefinition,
);
export const WorkloadAttestor: PluginType<typeof WorkloadAttestorDefinition> = pluginType(
  "agent",
  "WorkloadAttestor",
  WorkloadAttestorDefinition,
);
export const SvidStore: PluginType<typeof SVIDStoreDefinition> = pluginType(
  "agent",
  "SVIDStore",
  SVIDStoreDefinition,
);
