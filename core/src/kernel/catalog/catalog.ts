import { tmpdir } from "node:os";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";
import { aborted } from "../lifecycle/run-together.ts";
import type { HostService } from "../pluginhost/host-services.ts";
import type { Exit } from "../pluginhost/plugin-process.ts";
import { RunningPlugin } from "../pluginhost/running-plugin.ts";
import { SocketFolder } from "../pluginhost/socket-folder.ts";
import type { PluginSecrets } from "../secret/plugin-secrets.ts";
import { Redaction } from "../secret/redaction.ts";
import { Configurer } from "./configurer.ts";
import { type Constraint, findViolation } from "./constraints.ts";
import { resolveGivenEnvironment } from "./given-environment.ts";
import { type LaunchSurroundings, type PlannedLaunch, planLaunch } from "./launch-of.ts";
import { type PluginBlock, titleOf } from "./plugin-block.ts";

/** A plugin type the daemon knows. */
export interface KnownType {
  readonly constraint: Constraint;
  /** Full service names, the most wanted first: the first a plugin offers is bound. */
  readonly services: readonly string[];
  /** Offered beside, not warned about. */
  readonly extensions?: readonly string[];
}

export interface CatalogOptions {
  readonly types: Readonly<Record<string, KnownType>>;
  readonly surroundings: LaunchSurroundings;
  readonly hostServices: readonly HostService[];
  readonly trustDomain: TrustDomain;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Where the folder of the plugins' sockets is made; by default the system's temporary folder. */
  readonly socketParent?: string;
  /** Ends the load; the plugins that run by then are ended. */
  readonly signal?: AbortSignal | undefined;
}

/** A plugin at work. */
export interface LoadedPlugin
  extends Pick<RunningPlugin, "type" | "name" | "services" | "channel" | "pid" | "exited"> {
  /** The service that was bound: one of its type's. */
  readonly boundService: string;
}

/** A plugin that is about to be launched. Its logger takes its secrets out of what is logged. */
interface Prepared {
  readonly block: PluginBlock;
  readonly planned: PlannedLaunch;
  readonly secrets: PluginSecrets;
  readonly logger: Logger;
}

interface Launched extends Prepared {
  readonly running: RunningPlugin;
}

/** The plugins of a daemon, each in its process. Disposing of it ends them, the last loaded first. */
export class Catalog implements AsyncDisposable {
  readonly #plugins: readonly LoadedPlugin[];
  readonly #configurers: readonly Configurer[];
  readonly #owned: AsyncDisposableStack;

  private constructor(
    plugins: readonly LoadedPlugin[],
    configurers: readonly Configurer[],
    owned: AsyncDisposableStack,
  ) {
    this.#plugins = plugins;
    this.#configurers = configurers;
    this.#owned = owned;
  }

  /**
   * Launches all plugins at once and configures them in the order of the configuration.
   *
   * @throws {StatusError} naming the plugin, or Cancelled; none is left running then.
   */
  static async load(blocks: readonly PluginBlock[], options: CatalogOptions): Promise<Catalog> {
    for (const block of blocks) checkType(block, options);
    for (const [type, count, violation] of violationsOf(blocks, options.types))
      throw new StatusError(
        Code.FailedPrecondition,
        "PLUGIN_COUNT",
        `plugin type "${type}" constraint not satisfied: ${violation}${count === 0 ? missingHint(type, options) : ""}`,
      );
    await using stack = new AsyncDisposableStack();
    const launched = await launchAll(blocks, options, stack);
    const plugins: LoadedPlugin[] = [];
    const configurers: Configurer[] = [];
    for (const item of launched) {
      const { block, planned, running, logger } = item;
      const boundService = named("bind", block, () => bind(running, options.types[block.type], logger));
      const configurer = configurerOf(item, options);
      await named("configure", block, () => configure(item, configurer, options));
      logger.info("Plugin loaded", { pid: running.pid, plugin_version: planned.manifest?.version ?? "" });
      plugins.push(loadedPlugin(running, boundService));
      configurers.push(configurer);
    }
    return new Catalog(plugins, configurers, stack.move());
  }

  /**
   * Launches all plugins and has each check its configuration. No plugin is configured, and none is left running.
   *
   * @returns notes by plugin title, or by type where the count is wrong; none means valid.
   */
  static async validate(
    blocks: readonly PluginBlock[],
    options: CatalogOptions,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    for (const block of blocks) checkType(block, options);
    await using stack = new AsyncDisposableStack();
    const notes = new Map<string, readonly string[]>();
    for (const item of await launchAll(blocks, options, stack)) {
      named("bind", item.block, () => bind(item.running, options.types[item.block.type], item.logger));
      const problems = await configurerOf(item, options).validate({ signal: options.signal });
      if (problems.length > 0) notes.set(titleOf(item.block), problems);
    }
    for (const [type, , violation] of violationsOf(blocks, options.types))
      notes.set(type, [`constraint not satisfied: ${violation}`]);
    return notes;
  }

  /** The plugins of a type, in the order of the configuration. */
  all(type: string): readonly LoadedPlugin[] {
    return this.#plugins.filter((plugin) => plugin.type === type);
  }

  /** The plugin of a type of which there is exactly one. */
  one(type: string): LoadedPlugin {
    const plugin = this.maybeOne(type);
    if (plugin === undefined) throw new TypeError(`no plugin of type ${type} is loaded`);
    return plugin;
  }

  maybeOne(type: string): LoadedPlugin | undefined {
    return this.#plugins.find((plugin) => plugin.type === type);
  }

  /** The first plugin whose process ends, and how; undefined when the signal aborts before one does. */
  async firstExit(
    signal: AbortSignal,
  ): Promise<{ readonly plugin: LoadedPlugin; readonly exit: Exit } | undefined> {
    const exits = this.#plugins.map(async (plugin) => ({ plugin, exit: await plugin.exited }));
    return await Promise.race([...exits, aborted(signal).then(() => undefined)]);
  }

  /** Configures again those whose files changed; one that takes its time keeps none of the others. */
  async reconfigure(): Promise<void> {
    await Promise.all(this.#configurers.map((configurer) => configurer.reconfigure()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** All processes start together: what takes time is each one's own start. The first failure ends them all. */
async function launchAll(
  blocks: readonly PluginBlock[],
  options: CatalogOptions,
  stack: AsyncDisposableStack,
): Promise<readonly Launched[]> {
  const wanted = blocks.filter((block) => isEnabled(block, options.logger));
  const socketFolder = stack.use(await SocketFolder.make(options.socketParent ?? tmpdir())).path;
  const prepared = await Promise.all(
    wanted.map((block) => named("load", block, () => prepare(block, options, socketFolder))),
  );
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const results = await Promise.allSettled(
    prepared.map(async (item) => {
      try {
        const running = await named("load", item.block, () =>
          launch(item, { ...options, socketFolder, signal }),
        );
        return { ...item, running };
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  // In the order of the configuration, so that they end in the reverse.
  const launched = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const { running, logger } of launched) {
    stack.defer(() => logger.info("Plugin unloaded"));
    stack.use(running);
    stack.defer(() => logger.debug("Unloading plugin"));
  }
  if (options.signal?.aborted) throw StatusError.from(options.signal.reason);
  failed.signal.throwIfAborted();
  return launched;
}

function checkType({ type }: PluginBlock, { types }: CatalogOptions): void {
  if (Object.hasOwn(types, type)) return;
  const meant = nearest(type, Object.keys(types));
  throw new StatusError(
    Code.InvalidArgument,
    "PLUGIN_TYPE",
    `unsupported plugin type "${type}"${meant === undefined ? "" : `: did you mean "${meant}"?`}`,
  );
}

function isEnabled(block: PluginBlock, logger: Logger): boolean {
  if (!block.enabled) loggerOf(block, logger).debug("Not loading plugin; disabled");
  return block.enabled;
}

function loggerOf({ type, name, pluginCmd }: PluginBlock, logger: Logger): Logger {
  return logger.with({ plugin_name: name, plugin_type: type, external: pluginCmd !== undefined });
}

/** What is secret in its environment is in the plan, and nowhere else. */
async function prepare(
  block: PluginBlock,
  { surroundings, logger, signal }: CatalogOptions,
  socketFolder: string,
): Promise<Prepared> {
  const secrets = { resolver: surroundings.secrets, redaction: new Redaction() };
  const environment = await resolveGivenEnvironment(block.environment, secrets.resolver, { signal });
  secrets.redaction.add(environment.secrets);
  const planned = planLaunch({ ...block, environment: environment.given }, surroundings, socketFolder);
  return { block, planned, secrets, logger: secrets.redaction.logger(loggerOf(block, logger)) };
}

async function launch(
  { block, planned: { launch }, secrets, logger }: Prepared,
  options: CatalogOptions & { readonly socketFolder: string },
): Promise<RunningPlugin> {
  if (block.pluginCmd !== undefined && launch.checksum === undefined)
    logger.warn("Plugin checksum not configured");
  const starting = RunningPlugin.start({
    type: block.type,
    name: block.name,
    launch,
    hostServices: options.hostServices,
    socketFolder: options.socketFolder,
    logger: logger.with({ subsystem_name: `${block.name}.${launch.baseName}` }),
    clock: options.clock,
    signal: options.signal,
  });
  return await starting.catch((error: unknown) => {
    throw secrets.redaction.error(error);
  });
}

/** A plugin may end instead of answering; then it is that which is told. */
async function configure(
  { running, secrets }: Launched,
  configurer: Configurer,
  { signal }: CatalogOptions,
): Promise<void> {
  try {
    await configurer.configure({ signal });
  } catch (error) {
    throw secrets.redaction.error(await running.explain(error, "while it was being configured"));
  }
}

function configurerOf(
  { block, running, secrets, logger }: Launched,
  { trustDomain }: CatalogOptions,
): Configurer {
  const { services, channel } = running;
  return new Configurer({ block, trustDomain, logger, services, channel, secrets });
}

function bind(running: RunningPlugin, known: KnownType | undefined, logger: Logger): string {
  const { services = [], extensions = [] } = known ?? {};
  const bound = services.find((service) => running.services.has(service));
  const offered = [...running.services].sort();
  if (bound === undefined)
    throw new StatusError(
      Code.FailedPrecondition,
      "PLUGIN_SERVICES",
      `no supported plugin interface found in: [${offered.map((service) => `"${service}"`).join(" ")}]`,
    );
  const expected = new Set([bound, ConfigDefinition.fullName, ...extensions]);
  for (const service of offered)
    if (!expected.has(service)) logger.warn("Unsupported plugin service found", { plugin_service: service });
  return bound;
}

function loadedPlugin(
  { type, name, services, channel, pid, exited }: RunningPlugin,
  boundService: string,
): LoadedPlugin {
  return { type, name, services, channel, pid, exited, boundService };
}

function violationsOf(
  blocks: readonly PluginBlock[],
  types: CatalogOptions["types"],
): readonly (readonly [type: string, count: number, violation: string])[] {
  return Object.entries(types).flatMap(([type, { constraint }]) => {
    const count = blocks.filter((block) => block.enabled && block.type === type).length;
    const violation = findViolation(constraint, count);
    return violation === undefined ? [] : [[type, count, violation] as const];
  });
}

function missingHint(type: string, { surroundings }: CatalogOptions): string {
  const names = surroundings.manifests.names(type);
  return names.length === 0 ? "" : `; built-in ones are ${names.map((name) => `"${name}"`).join(", ")}`;
}

/** Says which plugin, and what was being done with it. */
function named<T>(verb: string, block: PluginBlock, work: () => T): T {
  const fail = (error: unknown): never => {
    throw StatusError.from(error).prefixed(`failed to ${verb} plugin "${block.name}": `);
  };
  try {
    const result = work();
    return (result instanceof Promise ? result.catch(fail) : result) as T;
  } catch (error) {
    return fail(error);
  }
}
