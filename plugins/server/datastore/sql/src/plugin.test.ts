import { describe } from "node:test";
import { dataStoreContract, type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";
import { DataFolder } from "./testing/data-folder.ts";

async function loadWithFile(): Promise<LoadedPlugin> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(new DataFolder());
  const loaded = stack.use(await loadPlugin(plugin, { config: folder.config() }));
  const owned = stack.move();
  return { ...loaded, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe('DataStore "sql" on a SQLite file', () => {
  dataStoreContract({ load: loadWithFile });
});

describe('DataStore "sql" on SQLite in memory', () => {
  const config = 'database_type = "sqlite3"\nconnection_string = ":memory:"';
  dataStoreContract({ load: () => loadPlugin(plugin, { config }) });
});
