import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe } from "node:test";
import { dataStoreContract, type LoadedPlugin, loadPlugin } from "@finial/sdk/testing";
import { plugin } from "./plugin.ts";

function configOf(connectionString: string): string {
  return `database_type = "sqlite3"\nconnection_string = "${connectionString}"`;
}

async function loadWithFile(): Promise<LoadedPlugin> {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sql-"));
  stack.defer(() => rm(folder, { recursive: true }));
  const loaded = stack.use(await loadPlugin(plugin, { config: configOf(join(folder, "data.sqlite3")) }));
  const owned = stack.move();
  return { ...loaded, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

describe('DataStore "sql" on a SQLite file', () => {
  dataStoreContract({ load: loadWithFile });
});

describe('DataStore "sql" on SQLite in memory', () => {
  dataStoreContract({ load: () => loadPlugin(plugin, { config: configOf(":memory:") }) });
});
