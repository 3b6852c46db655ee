import { AgentStoreDefinition } from "@finial/proto/plugin/hostservice/server/agentstore/v1/agentstore";
import { Code, StatusError } from "@finial/sdk";
import type { Handlers } from "@finial/sdk/internal";
import { parseSpiffeId } from "@finial/sdk/spiffe";
import type { HostService } from "../../kernel/pluginhost/host-services.ts";
import type { DataStore } from "../facade/datastore.ts";
import type { Later } from "./later.ts";

/** What the service stands on. */
export type AgentStoreNeeds = Pick<DataStore, "findNode">;

/** Tells node attestors whether an agent has attested before. Not ready before the store is. */
export function agentStoreService(store: Later<AgentStoreNeeds>): HostService<typeof AgentStoreDefinition> {
  const handlers: Handlers<typeof AgentStoreDefinition> = {
    getAgentInfo: async ({ agentId }) => {
      const node = await store.get("AgentStore").findNode(parseSpiffeId(agentId));
      if (node === undefined) throw new StatusError(Code.NotFound, "AGENT_NOT_FOUND", "no such agent");
      return { info: { agentId: node.spiffeId.toString() } };
    },
  };
  return { definition: AgentStoreDefinition, handlersFor: () => handlers };
}
