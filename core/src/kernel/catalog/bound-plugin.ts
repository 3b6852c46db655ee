import type { Client, ServiceDefinition } from "@finial/sdk/internal";

/** How a service of a plugin is called. */
export type ClientOf = <D extends ServiceDefinition>(definition: D) => Client<D>;

/** A plugin at work, as an adapter needs it. */
export interface BoundPlugin {
  /** As in the configuration: `disk`. */
  readonly name: string;
  /** Full names of the services it offers. */
  readonly services: ReadonlySet<string>;
  /** Holds for as long as the daemon lives, whichever process the plugin is by then. */
  readonly client: ClientOf;
  /** Absent where its process is never replaced. */
  readonly returns?: PluginReturns;
}

/** What there is to say when a plugin's process has taken the place of another. */
export interface PluginReturns {
  /** By its manifest: what it holds is gone when its process is. */
  readonly ephemeral: boolean;
  /**
   * Asked of each such process before anybody else's call reaches it. What it throws refuses the process: another is started,
   * later and later, and the daemon is not ready for as long.
   */
  examine(check: (fresh: ClientOf) => Promise<void>): void;
}
