import { definePlugin, type Plugin } from "@finial/sdk";
import { DataStore } from "@finial/sdk/server";
import { bundleHandlers } from "./bundle/bundle-handlers.ts";
import { changeHandlers } from "./change/watch-changes.ts";
import { parseConfig } from "./config.ts";
import { entryHandlers } from "./entry/entry-handlers.ts";
import { federationHandlers } from "./federation/federation-handlers.ts";
import { caJournalHandlers } from "./journal/ca-journal-handlers.ts";
import { nodeHandlers } from "./node/node-handlers.ts";
import { Store } from "./store.ts";
import { joinTokenHandlers } from "./token/join-token-handlers.ts";

/** DataStore "sql": SPIRE's schema in an SQL database. */
export const plugin: Plugin = definePlugin({
  type: DataStore,
  name: "sql",
  parseConfig,
  open: (host) => {
    const store = new Store(host);
    const database = () => store.database;
    return {
      configure: (config) => store.configure(config),
      close: () => store[Symbol.asyncDispose](),
      service: {
        ...bundleHandlers(database),
        ...entryHandlers(database),
        ...nodeHandlers(database),
        ...joinTokenHandlers(database),
        ...federationHandlers(database),
        ...caJournalHandlers(database),
        ...changeHandlers(database),
      },
    };
  },
});
