import { Code, StatusError } from "@finial/sdk";
import type { Client, ServiceDefinition } from "@finial/sdk/internal";
import { within } from "../lifecycle/within.ts";
import { pluginLimits } from "../pluginhost/limits.ts";
import { ProcessorUse } from "../pluginhost/processor-use.ts";
import { askForHealth, untilSilent } from "../pluginhost/pulse.ts";
import type { RunningPlugin } from "../pluginhost/running-plugin.ts";
import { type Held, StableLink } from "../pluginhost/stable-link.ts";
import { refusedReason, Supervisor } from "../pluginhost/supervisor.ts";
import type { BoundPlugin, ClientOf, PluginReturns } from "./bound-plugin.ts";
import type { Configurer, Reconfigured } from "./configurer.ts";
import { clientOf, type LaunchOptions, launchPlugin, type PreparedPlugin } from "./launched-plugin.ts";
import { titleOf } from "./plugin-block.ts";
import type { RecentLog } from "./recent-log.ts";
import { mayRepeat } from "./repeatable-calls.ts";

/** Calls wait this long at most for a process to take over, and so do those that are on their way for their end. */
const holdMs = 5000;
/** What is read from a process that was upgraded has this long to be read to its end. */
const retireMs = 2000;

export interface SupervisedPluginOptions extends Omit<LaunchOptions, "signal"> {
  readonly prepared: PreparedPlugin;
  /** Its first process, configured. */
  readonly first: RunningPlugin;
  readonly configurer: Configurer;
  readonly boundService: string;
  /** Told when {@link SupervisedPlugin.problem} changes. */
  readonly onProblem: () => void;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** No process is started any more once it aborts. */
  readonly signal: AbortSignal;
}

/** What does not change while it runs. */
export interface PluginDescription {
  /** Of its manifest; empty when it has none. */
  readonly version: string;
  /** Whether its link is under mutual TLS. */
  readonly sealed: boolean;
  /** Whether it is named by `plugin_cmd`. */
  readonly external: boolean;
  readonly reconfigurable: boolean;
}

/** A plugin at work, whichever process it is by now. Disposing of it ends it. */
export class SupervisedPlugin implements BoundPlugin, AsyncDisposable {
  readonly type: string;
  readonly name: string;
  readonly services: ReadonlySet<string>;
  /** The service that was bound: one of its type's. */
  readonly boundService: string;
  readonly returns: PluginReturns;
  readonly #options: SupervisedPluginOptions;
  readonly #checks: ((fresh: ClientOf) => Promise<void>)[] = [];
  readonly #link: StableLink;
  readonly #recentLog: RecentLog;
  readonly #retiring = new Set<Promise<void>>();
  #prepared: PreparedPlugin;
  #configurer: Configurer;
  #isUpgraded = false;
  readonly #supervisor: Supervisor<RunningPlugin>;

  constructor(options: SupervisedPluginOptions) {
    const { prepared, first, boundService, clock } = options;
    const { block, planned, logger } = prepared;
    const title = titleOf(block);
    this.#options = options;
    this.#prepared = prepared;
    this.#configurer = options.configurer;
    this.#recentLog = prepared.recentLog;
    this.type = block.type;
    this.name = block.name;
    this.services = first.services;
    this.boundService = boundService;
    this.returns = {
      ephemeral: planned.manifest?.ephemeral ?? false,
      examine: (check) => this.#checks.push(check),
    };
    this.#link = new StableLink({
      title,
      mayRepeat,
      onFault: (fault) => this.#supervisor.replace(fault),
      redact: (failure) => this.#prepared.secrets.redaction.failure(failure),
      clock,
    });
    this.#supervisor = new Supervisor({
      ...options,
      title,
      first,
      start: (signal) => this.#start(signal),
      onUp: ({ channel }) => this.#link.connect(channel),
      onDown: (how, nextStart) => this.#link.disconnect(how, nextStart),
      watch: (running, signal) => {
        const use = new ProcessorUse(running.pid, () => clock.now().getTime());
        const ask = askForHealth(running.channel);
        // Ours answer whatever else they wait for; in others all workers may wait, for a cloud for instance.
        const mayWait = planned.manifest === undefined;
        const isBusy = (): boolean => {
          const works = use.isBusy();
          // To try again and again to write what nobody reads is no work.
          return !running.isFlooding && (works || (mayWait && !use.isStopped));
        };
        return untilSilent({ ask, isBusy, limits: pluginLimits, clock }, signal);
      },
      logger,
    });
  }

  readonly client = <D extends ServiceDefinition>(definition: D): Client<D> => this.#link.client(definition);

  /** Of its process; undefined while there is none. */
  get pid(): number | undefined {
    return this.#supervisor.pid;
  }

  /** How often another process took the place of one that ended. */
  get restarts(): number {
    return this.#supervisor.restarts;
  }

  /** What is wrong with it, in a sentence; undefined when nothing is. */
  get problem(): string | undefined {
    return this.#supervisor.problem;
  }

  /** As a person would want to know of it. */
  get description(): PluginDescription {
    const { planned, block } = this.#prepared;
    return {
      version: planned.manifest?.version ?? "",
      sealed: planned.launch.sealed,
      external: block.pluginCmd !== undefined,
      reconfigurable: this.#configurer.reconfigurable,
    };
  }

  /** When its process was ready; undefined while there is none. */
  get servingSince(): Date | undefined {
    return this.#supervisor.servingSince;
  }

  /** What was logged of it last. */
  get recentLog(): RecentLog {
    return this.#recentLog;
  }

  /** Configures it again if its file or a secret changed. */
  async reconfigure(): Promise<Reconfigured> {
    return await this.#configurer.reconfigure(this.client);
  }

  /**
   * Ends its process, in its turn, and starts another; calls wait meanwhile.
   *
   * @throws {StatusError} FailedPrecondition `PLUGIN_AWAY` while another is being started anyway; Unavailable `PLUGIN_RESTART` with
   *   why the other does not serve: it is tried again as after any other end.
   */
  async restart(): Promise<void> {
    await this.#supervisor.restart();
  }

  /**
   * Has a process of another version, or with another configuration, take over while this one serves: it is launched beside it,
   * checks its configuration and takes it, and has to be the same plugin. Calls wait for the moment in which it takes over.
   *
   * @param prepared with the recent log of this.
   * @throws {StatusError} FailedPrecondition `PLUGIN_UPGRADE` or what else was against it; nothing has changed then.
   */
  async upgrade(
    prepared: PreparedPlugin,
    configurerFor: (running: RunningPlugin) => Configurer,
  ): Promise<void> {
    if (this.#isUpgraded) throw refused("it is being upgraded already");
    this.#isUpgraded = true;
    try {
      const { signal } = this.#options;
      await using stack = new AsyncDisposableStack();
      const running = stack.use(await launchPlugin(prepared, { ...this.#options, signal }));
      const configurer = configurerFor(running);
      try {
        await this.#takeOver(running, configurer);
      } catch (error) {
        throw prepared.secrets.redaction.error(await running.explain(error, "while it took over"));
      }
      stack.move();
      this.#prepared = prepared;
      this.#configurer = configurer;
    } finally {
      this.#isUpgraded = false;
    }
  }

  async #takeOver(running: RunningPlugin, configurer: Configurer): Promise<void> {
    const { signal, clock } = this.#options;
    const fresh = clientOf(running);
    this.#requireSameServices(running);
    const notes = await configurer.validate(fresh, { signal });
    if (notes.length > 0) throw refused(notes.join("; "));
    await configurer.configure(fresh, { signal });
    const held = await this.#link.hold(holdMs);
    if (held === undefined)
      throw refused(`calls to the process that there is did not end within ${holdMs / 1000} s`);
    try {
      // What changed between its configuration and now, such as a new key, it finds out now.
      const work = configurer.configureAgain(fresh, { signal }).then(async (): Promise<true> => {
        for (const check of this.#checks) await check(fresh);
        return true;
      });
      if ((await within(work, holdMs, { clock, signal })) === undefined)
        throw refused(`it was not ready to take over within ${holdMs / 1000} s`);
      const old = await this.#supervisor.handOver(running);
      const retiring = this.#retire(old, held);
      this.#retiring.add(retiring);
      void retiring.finally(() => this.#retiring.delete(retiring));
    } catch (error) {
      held.resume();
      throw error;
    }
  }

  /** Streams that are read to their end get to it; those that would go on for ever are opened again, at the new process. */
  async #retire(old: RunningPlugin, held: Held): Promise<void> {
    await within(held.quiet, retireMs, { clock: this.#options.clock });
    held.end("it was upgraded");
    try {
      await old[Symbol.asyncDispose]();
    } catch (error) {
      // The new process serves, whatever the old one has left.
      const { message } = StatusError.from(error);
      this.#prepared.logger.warn("Plugin left what cannot be removed", { pid: old.pid, error: message });
    }
  }

  /** Another process: launched, configured as the last was, and found to be the same plugin. */
  async #start(signal: AbortSignal): Promise<RunningPlugin> {
    const { clock } = this.#options;
    const [prepared, configurer] = [this.#prepared, this.#configurer];
    await using stack = new AsyncDisposableStack();
    const running = stack.use(await launchPlugin(prepared, { ...this.#options, signal }));
    const fresh = clientOf(running);
    const work = async (): Promise<true> => {
      this.#requireSameServices(running);
      await configurer.configureAgain(fresh, { signal });
      for (const check of this.#checks) await check(fresh);
      return true;
    };
    try {
      const done = await within(work(), pluginLimits.configureAgainMs, { clock, signal });
      if (done === undefined)
        throw new StatusError(
          Code.DeadlineExceeded,
          "PLUGIN_CONFIGURE_LATE",
          `it was not configured within ${pluginLimits.configureAgainMs / 1000} s`,
        );
    } catch (error) {
      throw prepared.secrets.redaction.error(await running.explain(error, "while it was being configured"));
    }
    stack.move();
    return running;
  }

  /** Whoever holds a client counts on what it offered. */
  #requireSameServices({ services }: RunningPlugin): void {
    const missing = [...this.services].filter((service) => !services.has(service)).sort();
    if (missing.length > 0)
      throw new StatusError(
        Code.FailedPrecondition,
        refusedReason,
        `it came back without services that it had: ${missing.join(", ")}`,
      );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#supervisor[Symbol.asyncDispose]();
    await Promise.all(this.#retiring);
  }
}

function refused(why: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "PLUGIN_UPGRADE", why);
}
