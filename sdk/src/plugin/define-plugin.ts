import type { Client } from "../rpc/client.ts";
import type { ServiceDefinition } from "../rpc/definition.ts";
import type { Handlers } from "../rpc/service.ts";
import type { TrustDomain } from "../spiffe/trust-domain.ts";
import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";
import type { PluginType } from "./plugin-type.ts";

/** What the host tells every plugin besides its own configuration. */
export interface CoreConfig {
  readonly trustDomain: TrustDomain;
}

/** What a plugin is given to work with. */
export interface PluginHost {
  readonly logger: Logger;
  readonly clock: Clock;
  /**
   * A client of one of the host's services, such as MetricsDefinition.
   *
   * @throws {StatusError} FailedPrecondition when the host does not offer it.
   */
  service<D extends ServiceDefinition>(definition: D): Client<D>;
}

/** Handlers of a service beside the plugin type's own. Made by extend. */
export interface Extension {
  readonly definition: ServiceDefinition;
  readonly handlers: Readonly<Record<string, unknown>>;
}

export function extend<D extends ServiceDefinition>(
  definition: D,
  handlers: Partial<Handlers<D>>,
): Extension {
  return { definition, handlers: handlers as Readonly<Record<string, unknown>> };
}

/** A plugin at work: made when the host has said hello, closed when it says goodbye. */
export interface OpenPlugin<D extends ServiceDefinition, Config> {
  /** RPCs of the plugin type; a missing optional one answers UNIMPLEMENTED. */
  readonly service: Partial<Handlers<D>>;
  /** One for each definition named by the plugin's `extensions`. */
  readonly extensions?: readonly Extension[];
  /** Takes a checked configuration, at once or not at all: when it throws, the old one stays. May run beside other calls. */
  readonly configure?: (config: Config) => Promise<void> | void;
  readonly close?: () => Promise<void> | void;
}

export interface PluginOptions<D extends ServiceDefinition, Config> {
  readonly type: PluginType<D>;
  /** As operators write it: `disk` in `KeyManager "disk"`. */
  readonly name: string;
  readonly version?: string;
  /**
   * Reads `plugin_data`, HCL 1 text without outer braces, maybe empty. Absent: the plugin takes no configuration, and its
   * calls need none.
   *
   * @throws {StatusError} InvalidArgument; one problem a line.
   */
  readonly parseConfig?: (text: string, core: CoreConfig) => Config;
  /** Services offered beside the plugin type's own. */
  readonly extensions?: readonly ServiceDefinition[];
  readonly open: (host: PluginHost) => OpenPlugin<D, Config>;
}

/** A plugin, ready to be served. */
export type Plugin = PluginOptions<ServiceDefinition, unknown>;

/** Describes a plugin; nothing runs until it is served. */
export function definePlugin<D extends ServiceDefinition, Config = undefined>(
  options: PluginOptions<D, Config>,
): Plugin {
  return options as unknown as Plugin;
}
