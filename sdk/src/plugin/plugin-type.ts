import type { ServiceDefinition } from "../rpc/definition.ts";

/** A plugin type: which side hosts it, its name in the configuration, and the service a plugin of it offers. */
export interface PluginType<D extends ServiceDefinition = ServiceDefinition> {
  readonly side: "server" | "agent";
  /** Also the magic cookie, key and value. */
  readonly name: string;
  readonly definition: D;
}

export function pluginType<D extends ServiceDefinition>(
  side: "server" | "agent",
  name: string,
  definition: D,
): PluginType<D> {
  return { side, name, definition };
}
