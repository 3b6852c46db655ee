import type { Handlers } from "@finial/sdk";
import type { datastore } from "@finial/sdk/server";
import type { Database } from "./sql.ts";

/** RPCs of the contract. */
export type DataStoreHandlers = Handlers<typeof datastore.DataStoreDefinition>;

/** The database in use; it changes when the plugin is configured anew. */
export type CurrentDatabase = () => Database;
