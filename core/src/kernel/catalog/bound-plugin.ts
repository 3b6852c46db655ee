import type { Channel } from "@finial/sdk/internal";

/** A plugin at work, as an adapter needs it. */
export interface BoundPlugin {
  /** As in the configuration: `disk`. */
  readonly name: string;
  /** Full names of the services it offers. */
  readonly services: ReadonlySet<string>;
  readonly channel: Channel;
}
