import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { StatusError } from "@finial/sdk";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import type { DataStore } from "./datastore.ts";
import type { Ask } from "./store-answers.ts";
import { storeBundles } from "./store-bundles.ts";
import { StoreChanges } from "./store-changes.ts";
import { storeEntries } from "./store-entries.ts";
import { storeFederation } from "./store-federation.ts";
import { storeNodes } from "./store-nodes.ts";
import { storeRecords } from "./store-records.ts";

/** The DataStore port over `finial.plugin.server.datastore.v1`. */
export function bindDataStoreV1({ name, client: clientOf, returns }: BoundPlugin): DataStore {
  const client = clientOf(DataStoreDefinition);
  const changes = new StoreChanges(client);
  returns?.examine((fresh) => changes.examine(fresh(DataStoreDefinition)));
  const prefixed = (error: unknown): StatusError => withStoreName(name, error);
  const ask: Ask = async (work) => {
    try {
      return await work(client);
    } catch (error) {
      throw prefixed(error);
    }
  };
  return {
    name,
    ...storeBundles(ask),
    ...storeEntries(ask, prefixed),
    ...storeNodes(ask),
    ...storeFederation(ask),
    ...storeRecords(ask),
    watchChanges: async function* ({ after, signal }) {
      try {
        yield* changes.watch(after, signal);
      } catch (error) {
        throw prefixed(error);
      }
    },
  };
}

/** As operators know it from SPIRE: `datastore-sql: …`, unless the store has said whose words they are. */
function withStoreName(name: string, error: unknown): StatusError {
  const status = StatusError.from(error);
  return status.message.startsWith("datastore-") ? status : status.prefixed(`datastore-${name}: `);
}
