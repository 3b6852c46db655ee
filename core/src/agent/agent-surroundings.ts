import type { Clock, Logger } from "@finial/sdk";
import type { CatalogOptions } from "../kernel/catalog/catalog.ts";
import type { PluginBlock } from "../kernel/catalog/plugin-block.ts";

/** What an agent is given besides its configuration. */
export interface AgentSurroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Of this process. */
  readonly pid: number;
  /** Of the program; the server is told. */
  readonly version: string;
  /** Where plugins are found and what they run with. */
  readonly plugins: CatalogOptions["surroundings"];
  /** The plugins as the configuration file lists them now. Throws what is wrong with the file. */
  readonly readPlugins: () => readonly PluginBlock[];
  /** Ends the agent, gracefully. */
  readonly signal: AbortSignal;
  /** Hands out what a signal to the process should do; called once, when the plugins run. */
  readonly onReconfigure?: (reconfigure: () => void) => void;
}
