import type { LoadedPlugin } from "../load-plugin.ts";
import { configurationContract } from "./configuration.ts";
import { bundleContract } from "./datastore/bundle.ts";
import { changeContract } from "./datastore/change.ts";
import { entryContract } from "./datastore/entry.ts";
import { entryFilterContract } from "./datastore/entry-filter.ts";
import { nodeContract } from "./datastore/node.ts";
import { recordContract } from "./datastore/record.ts";

export interface DataStoreContract {
  /** A fresh, configured plugin whose store is empty. */
  readonly load: () => Promise<LoadedPlugin>;
}

/** What every DataStore must do, as tests of the running file. */
export function dataStoreContract({ load }: DataStoreContract): void {
  configurationContract(load);
  bundleContract(load);
  entryContract(load);
  entryFilterContract(load);
  nodeContract(load);
  recordContract(load);
  changeContract(load);
}
