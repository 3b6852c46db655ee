import type { Catalog } from "../kernel/catalog/catalog.ts";
import { anyNumber, atLeastOne, exactlyOne } from "../kernel/catalog/constraints.ts";
import type { KnownType } from "../kernel/catalog/known-type.ts";
import type { KeyManager } from "./facade/keymanager.ts";
import { bindKeyManagerV1 } from "./facade/keymanager-v1.ts";
import type { NodeAttestor } from "./facade/nodeattestor.ts";
import { bindNodeAttestorV1 } from "./facade/nodeattestor-v1.ts";
import type { SvidStore } from "./facade/svidstore.ts";
import { bindSvidStoreV1 } from "./facade/svidstore-v1.ts";
import type { WorkloadAttestor } from "./facade/workloadattestor.ts";
import { bindWorkloadAttestorV1 } from "./facade/workloadattestor-v1.ts";

const service = (type: string): string => `spire.plugin.agent.${type.toLowerCase()}.v1.${type}`;

/** The agent's plugin types: how many of each there must be, and what each has to offer. */
export const pluginTypes: Readonly<Record<string, KnownType>> = {
  KeyManager: {
    constraint: exactlyOne,
    services: [service("KeyManager")],
    extensions: ["finial.plugin.agent.keymanager.v1.KeyExport", "finial.plugin.agent.keymanager.v1.Signer"],
  },
  NodeAttestor: { constraint: exactlyOne, services: [service("NodeAttestor")] },
  WorkloadAttestor: { constraint: atLeastOne, services: [service("WorkloadAttestor")] },
  SVIDStore: { constraint: anyNumber, services: [service("SVIDStore")] },
};

/** What the agent asks of its plugins, bound to the ones there are. */
export interface AgentPlugins {
  readonly keyManager: KeyManager;
  readonly nodeAttestor: NodeAttestor;
  readonly workloadAttestors: readonly WorkloadAttestor[];
  readonly svidStores: readonly SvidStore[];
}

export function bindPlugins(catalog: Catalog): AgentPlugins {
  return {
    keyManager: bindKeyManagerV1(catalog.one("KeyManager")),
    nodeAttestor: bindNodeAttestorV1(catalog.one("NodeAttestor")),
    workloadAttestors: catalog.all("WorkloadAttestor").map(bindWorkloadAttestorV1),
    svidStores: catalog.all("SVIDStore").map(bindSvidStoreV1),
  };
}
