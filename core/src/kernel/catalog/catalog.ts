import { tmpdir } from "node:os";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";
import type { HostService } from "../pluginhost/host-services.ts";
import type { RunningPlugin } from "../pluginhost/running-plugin.ts";
import { SocketFolder } from "../pluginhost/socket-folder.ts";
import { Configurer } from "./configurer.ts";
import { findViolation } from "./constraints.ts";
import type { KnownType } from "./known-type.ts";
import type { LaunchSurroundings } from "./launch-of.ts";
import { bindPlugin, clientOf, launchPlugin, type PreparedPlugin, preparePlugin } from "./launched-plugin.ts";
import { type PluginBlock, titleOf } from "./plugin-block.ts";
import { SupervisedPlugin } from "./supervised-plugin.ts";

export interface CatalogOptions {
  readonly types: Readonly<Record<string, KnownType>>;
  readonly surroundings: LaunchSurroundings;
  readonly hostServices: readonly HostService[];
  readonly trustDomain: TrustDomain;
  readonly logger: Logger;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Where the folder of the plugins' sockets is made; by default the system's temporary folder. */
  readonly socketParent?: string;
  /** Ends the load; the plugins that run by then are ended. Afterwards, none that ends is started again. */
  readonly signal?: AbortSignal | undefined;
}

interface Launched extends PreparedPlugin {
  readonly running: RunningPlugin;
  /** Has another end the process, in its turn. */
  readonly handOver: (to: AsyncDisposable) => void;
  readonly end: () => PromiseLike<void>;
}

/** The plugins of a daemon, each in its process, which is replaced when it ends. Disposing of it ends them, the last loaded first. */
export class Catalog implements AsyncDisposable {
  readonly #plugins: readonly SupervisedPlugin[];
  readonly #problems: Problems;
  readonly #options: CatalogOptions;
  readonly #socketFolder: string;
  readonly #owned: AsyncDisposableStack;

  private constructor(
    plugins: readonly SupervisedPlugin[],
    problems: Problems,
    options: CatalogOptions,
    socketFolder: string,
    owned: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.#socketFolder = socketFolder;
    this.#plugins = plugins;
    this.#problems = problems;
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
    const plugins: SupervisedPlugin[] = [];
    const problems: Problems = { onChange: () => {} };
    for (const item of launched.items) {
      const { block, planned, running, logger } = item;
      const boundService = named("bind", block, () => bindPlugin(running, options.types[block.type], logger));
      const configurer = configurerOf(item, options);
      await named("configure", block, () => configure(item, configurer, options));
      logger.info("Plugin loaded", { pid: running.pid, plugin_version: planned.manifest?.version ?? "" });
      const plugin = new SupervisedPlugin({
        ...options,
        prepared: item,
        first: running,
        configurer,
        boundService,
        socketFolder: launched.socketFolder,
        onProblem: () => problems.onChange(),
        signal: options.signal ?? new AbortController().signal,
      });
      item.handOver(plugin);
      plugins.push(plugin);
    }
    return new Catalog(plugins, problems, options, launched.socketFolder, stack.move());
  }

  /**
   * Launches all plugins and has each check its configuration. No plugin is configured, and none is left running.
   *
   * @returns notes by plugin title, or by type where the count is wrong; none means valid.
   */
  static async validate(
    blocks: readonly PluginBlock[],
    options: Omit<CatalogOptions, "random">,
  ): Promise<ReadonlyMap<string, readonly string[]>> {
    for (const block of blocks) checkType(block, options);
    await using stack = new AsyncDisposableStack();
    const notes = new Map<string, readonly string[]>();
    for (const item of (await launchAll(blocks, options, stack)).items) {
      const { block, running, logger } = item;
      named("bind", block, () => bindPlugin(running, options.types[block.type], logger));
      const problems = await configurerOf(item, options).validate(clientOf(running), options);
      if (problems.length > 0) notes.set(titleOf(block), problems);
    }
    for (const [type, , violation] of violationsOf(blocks, options.types))
      notes.set(type, [`constraint not satisfied: ${violation}`]);
    return notes;
  }

  /** All, in the order of the configuration. */
  get plugins(): readonly SupervisedPlugin[] {
    return this.#plugins;
  }

  /** The plugins of a type, in the order of the configuration. */
  all(type: string): readonly SupervisedPlugin[] {
    return this.#plugins.filter((plugin) => plugin.type === type);
  }

  /** The plugin of a type of which there is exactly one. */
  one(type: string): SupervisedPlugin {
    const plugin = this.maybeOne(type);
    if (plugin === undefined) throw new TypeError(`no plugin of type ${type} is loaded`);
    return plugin;
  }

  maybeOne(type: string): SupervisedPlugin | undefined {
    return this.#plugins.find((plugin) => plugin.type === type);
  }

  /** What is wrong with plugins, a sentence each; empty when all serve. */
  get problems(): readonly string[] {
    return this.#plugins.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
  }

  /** Has somebody told whenever {@link problems} change. */
  onProblems(listener: () => void): void {
    this.#problems.onChange = listener;
  }

  /** @throws {StatusError} Unavailable `PLUGIN_OUT_OF_SERVICE` with all that is wrong. */
  checkPlugins(): void {
    const { problems } = this;
    if (problems.length > 0)
      throw new StatusError(Code.Unavailable, "PLUGIN_OUT_OF_SERVICE", problems.join("; "));
  }

  /**
   * Has what the configuration now names take over from a plugin's process: a new version of its program, or another configuration.
   *
   * @param blocks the plugins as the configuration lists them now.
   * @throws {StatusError} NotFound `PLUGIN_BLOCK` when it is not listed any more, or not enabled; what was against it. The process that
   *   there was serves on then.
   */
  async upgrade(plugin: SupervisedPlugin, blocks: readonly PluginBlock[]): Promise<void> {
    const { type, name, recentLog } = plugin;
    const block = blocks.find((block) => block.type === type && block.name === name && block.enabled);
    if (block === undefined)
      throw new StatusError(
        Code.NotFound,
        "PLUGIN_BLOCK",
        `the configuration does not list ${titleOf({ type, name })} any more: a plugin cannot be removed while the daemon runs`,
      );
    const { logger, trustDomain } = this.#options;
    const prepared = preparePlugin(block, {
      ...this.#options,
      socketFolder: this.#socketFolder,
      logger: loggerOf(block, logger),
      recentLog,
    });
    prepared.logger.info("Upgrading plugin", { pid: plugin.pid, plugin_version: plugin.description.version });
    try {
      await plugin.upgrade(prepared, (running) => configurerOf({ ...prepared, running }, { trustDomain }));
    } catch (error) {
      prepared.logger.error("Plugin is not upgraded, and serves on", {
        error: StatusError.from(error).message,
      });
      throw error;
    }
    prepared.logger.info("Plugin upgraded", { pid: plugin.pid, plugin_version: plugin.description.version });
  }

  /** Configures again those whose files changed; one that takes its time keeps none of the others. */
  async reconfigure(): Promise<void> {
    await Promise.all(this.#plugins.map((plugin) => plugin.reconfigure()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}

/** Who is told of them: the daemon, once it is made. */
interface Problems {
  onChange: () => void;
}

/** All processes start together: what takes time is each one's own start. The first failure ends them all. */
async function launchAll(
  blocks: readonly PluginBlock[],
  options: Omit<CatalogOptions, "random">,
  stack: AsyncDisposableStack,
): Promise<{ readonly items: readonly Launched[]; readonly socketFolder: string }> {
  const wanted = blocks.filter((block) => isEnabled(block, options.logger));
  const socketFolder = stack.use(await SocketFolder.make(options.socketParent ?? tmpdir())).path;
  const prepared = wanted.map((block) => {
    const logger = loggerOf(block, options.logger);
    return named("load", block, () => preparePlugin(block, { ...options, socketFolder, logger }));
  });
  const failed = new AbortController();
  const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
  const results = await Promise.allSettled(
    prepared.map(async (item) => {
      try {
        const { block, planned, logger } = item;
        if (block.pluginCmd !== undefined && planned.launch.checksum === undefined)
          logger.warn("Plugin checksum not configured");
        const running = await named("load", block, () =>
          launchPlugin(item, { ...options, socketFolder, signal }),
        );
        return launchedOf(item, running);
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    }),
  );
  // In the order of the configuration, so that they end in the reverse.
  const items = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const { logger, ...item } of items) {
    stack.defer(() => logger.info("Plugin unloaded"));
    stack.defer(() => item.end());
    stack.defer(() => logger.debug("Unloading plugin"));
  }
  if (options.signal?.aborted) throw StatusError.from(options.signal.reason);
  failed.signal.throwIfAborted();
  return { items, socketFolder };
}

function launchedOf(prepared: PreparedPlugin, running: RunningPlugin): Launched {
  let owner: AsyncDisposable = running;
  return {
    ...prepared,
    running,
    handOver: (to) => {
      owner = to;
    },
    end: () => owner[Symbol.asyncDispose](),
  };
}

function checkType({ type }: PluginBlock, { types }: Pick<CatalogOptions, "types">): void {
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

/** A plugin may end instead of answering; then it is that which is told. */
async function configure(
  { running, secrets }: Launched,
  configurer: Configurer,
  { signal }: Pick<CatalogOptions, "signal">,
): Promise<void> {
  try {
    await configurer.configure(clientOf(running), { signal });
  } catch (error) {
    throw secrets.redaction.error(await running.explain(error, "while it was being configured"));
  }
}

function configurerOf(
  {
    block,
    running: { services },
    secrets,
    logger,
  }: Pick<Launched, "block" | "running" | "secrets" | "logger">,
  { trustDomain }: Pick<CatalogOptions, "trustDomain">,
): Configurer {
  return new Configurer({ block, trustDomain, logger, services, secrets });
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
