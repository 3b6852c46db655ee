import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { within } from "../lifecycle/within.ts";
import { describeExit, type Exit } from "./plugin-process.ts";
import { goodServiceMs, RestartPace } from "./restart-pace.ts";

/** A plugin that has been away for so long is missed. */
const missedMs = 5000;
/** What a process wrote before its end may be read a moment after it. */
const lastWordsGraceMs = 100;

/** A process of the plugin that can do its work. Disposing of it ends it. */
export interface Instance extends AsyncDisposable {
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly exited: Promise<Exit>;
  /** Settles when all it said has been read. */
  readonly said: Promise<void>;
  /** The end of what it said, for people. */
  readonly lastWords: string;
  /** Ends it at once; it has no say in it. */
  kill(): void;
}

export interface SupervisorOptions<I extends Instance> {
  /** For messages: `KeyManager "disk"`. */
  readonly title: string;
  /** The first process, which is at work; the supervisor owns it from now on. */
  readonly first: I;
  /** Makes another, ready for work; a process that is not is ended before this throws. */
  readonly start: (signal: AbortSignal) => Promise<I>;
  /** Told of each process when it is ready, the first included. */
  readonly onUp: (instance: I) => void;
  /** Told how it ended, in words, or how a start failed; `nextStart` is when another is tried. */
  readonly onDown: (how: string, nextStart: Date) => void;
  /** Resolves with what is wrong when a process no longer answers, though it is there; rejects when the signal aborts. */
  readonly watch: (instance: I, signal: AbortSignal) => Promise<string>;
  /** Told when {@link Supervisor.problem} changes. */
  readonly onProblem: (problem: string | undefined) => void;
  /** No process is started any more once it aborts. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly logger: Logger;
}

/** The reason of a process that was refused: what it says will not change by waiting a little. */
export const refusedReason = "PLUGIN_REFUSED";

/**
 * Keeps a plugin running: notices at once when its process ends, and soon when it hangs, and starts another. Disposing of it ends
 * the plugin.
 */
export class Supervisor<I extends Instance> implements AsyncDisposable {
  readonly #options: SupervisorOptions<I>;
  readonly #pace: RestartPace;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #running: Promise<void>;
  #current: I | undefined;
  #fault = Promise.withResolvers<string>();
  #problem: string | undefined;
  #restarts = 0;
  #servingSince: Date;
  #offered = Promise.withResolvers<void>();
  #handOver: { readonly next: I; readonly done: PromiseWithResolvers<I> } | undefined;
  #asked = Promise.withResolvers<void>();
  /** Somebody waits for it. */
  #restart: PromiseWithResolvers<void> | undefined;

  constructor(options: SupervisorOptions<I>) {
    this.#options = options;
    this.#pace = new RestartPace(options);
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    this.#current = options.first;
    this.#servingSince = options.clock.now();
    options.onUp(options.first);
    this.#running = this.#run(options.first);
  }

  /** Of the process that is at work; undefined while there is none. */
  get pid(): number | undefined {
    return this.#current?.pid;
  }

  /** How often another process took the place of one that ended. */
  get restarts(): number {
    return this.#restarts;
  }

  /** What is wrong, in a sentence: the plugin keeps ending, was refused, or has been away for long. Undefined when nothing is. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** When the process that is at work became ready; undefined while there is none. */
  get servingSince(): Date | undefined {
    return this.#current === undefined ? undefined : this.#servingSince;
  }

  /**
   * Ends the process that is at work in its turn, then starts another: for an operator, who is waiting.
   *
   * @throws {StatusError} FailedPrecondition `PLUGIN_AWAY` while there is none; Unavailable `PLUGIN_RESTART` when the other could not
   *   be started, which is tried again; Cancelled when it is time to stop.
   */
  async restart(): Promise<void> {
    this.#requireCurrent();
    this.#restart ??= Promise.withResolvers();
    this.#asked.resolve();
    await this.#restart.promise;
  }

  /**
   * Has another process, which is ready, take the place of the one that is at work.
   *
   * @returns the one that was, which is the caller's to end from then on.
   * @throws {StatusError} FailedPrecondition `PLUGIN_AWAY` while there is none; Cancelled when it is time to stop. Then the other is
   *   the caller's still.
   */
  async handOver(next: I): Promise<I> {
    this.#requireCurrent();
    const handOver = { next, done: Promise.withResolvers<I>() };
    this.#handOver = handOver;
    this.#offered.resolve();
    return await handOver.done.promise;
  }

  /** @throws {StatusError} as those do that ask for another. */
  #requireCurrent(): void {
    if (this.#signal.aborted) throw this.#stopped();
    if (this.#current !== undefined) return;
    throw new StatusError(
      Code.FailedPrecondition,
      "PLUGIN_AWAY",
      `plugin ${this.#options.title} has no process at the moment, and is being started`,
    );
  }

  #stopped(): StatusError {
    return new StatusError(Code.Cancelled, "PLUGIN_STOPPED", `plugin ${this.#options.title} is stopped`);
  }

  #takeOver(old: I): I {
    const { next, done } = this.#handOver ?? {};
    this.#handOver = undefined;
    if (next === undefined) throw new TypeError("nothing was handed over");
    this.#current = next;
    this.#servingSince = this.#options.clock.now();
    this.#options.onUp(next);
    done?.resolve(old);
    return next;
  }

  /** Ends the process that is at work, because of something that no plugin may do, and starts another. */
  replace(fault: string): void {
    this.#fault.resolve(fault);
  }

  async #run(first: I): Promise<void> {
    let instance: I | undefined = first;
    while (instance !== undefined) {
      const end = await this.#serve(instance);
      if (end === undefined) return;
      instance = end === takenOver ? this.#takeOver(instance) : await this.#recover(end);
    }
  }

  /** Until its end, and how that came; undefined when it is not to be replaced. */
  async #serve(instance: I): Promise<End<I> | typeof takenOver | undefined> {
    const { clock, watch, logger } = this.#options;
    const sinceMs = clock.now().getTime();
    this.#fault = Promise.withResolvers();
    this.#asked = Promise.withResolvers();
    // Asked for while the process came up.
    if (this.#restart !== undefined) this.#asked.resolve();
    this.#offered = Promise.withResolvers();
    if (this.#handOver !== undefined) this.#offered.resolve();
    const over = new AbortController();
    const signal = AbortSignal.any([this.#signal, over.signal]);
    const ignore = (): undefined => undefined;
    void clock.sleep(goodServiceMs, { signal }).then(() => this.#setProblem(undefined), ignore);
    const never = new Promise<never>(() => {});
    const stopped = new Promise<undefined>((resolve) => {
      if (this.#signal.aborted) resolve(undefined);
      this.#signal.addEventListener("abort", () => resolve(undefined), { once: true, signal: over.signal });
    });
    let fault: string | undefined;
    const killed = async (found: Promise<string>): Promise<string> => {
      const why = await found;
      if (over.signal.aborted) return await never;
      fault = why;
      logger.warn("Plugin is ended", { pid: instance.pid, error: why });
      instance.kill();
      return why;
    };
    const ended = instance.exited.then((exit) => fault ?? describeExit(exit));
    const hung = killed(watch(instance, signal)).catch(() => never);
    const asked = this.#asked.promise.then(() => restartAsked);
    const offered = this.#offered.promise.then(() => takenOver);
    const how = await Promise.race([ended, hung, killed(this.#fault.promise), asked, offered, stopped]);
    over.abort();
    // Told to end: it is ended, in its turn, by whoever disposes of this.
    if (how === undefined || this.#signal.aborted) return undefined;
    if (how === takenOver) return takenOver;
    return { instance, how, servedMs: clock.now().getTime() - sinceMs };
  }

  /** Starts another, at once or in a while, as often as it takes; undefined when it is time to stop. */
  async #recover({ instance, how, servedMs }: End<I>): Promise<I | undefined> {
    const { title, clock, logger, onDown, onUp, start } = this.#options;
    const sinceMs = clock.now().getTime();
    this.#current = undefined;
    const wanted = how === restartAsked;
    let waitMs = wanted ? 0 : this.#pace.ended(servedMs);
    const tell = (how: string): void => onDown(how, new Date(clock.now().getTime() + waitMs));
    tell(how);
    if (wanted) logger.info("Plugin is restarted", { pid: instance.pid, served_ms: Math.round(servedMs) });
    else
      logger.error("Plugin ended, and is started again", {
        pid: instance.pid,
        error: how,
        served_ms: Math.round(servedMs),
        wait_ms: Math.round(waitMs),
      });
    const back = new AbortController();
    const signal = AbortSignal.any([this.#signal, back.signal]);
    // Only what keeps ending has to be explained, and waits anyway.
    if (this.#pace.slowed) await within(instance.said, lastWordsGraceMs, { clock });
    let last = withWords(how, instance.lastWords);
    if (this.#pace.slowed) this.#setProblem(keepsEnding(title, last));
    // What it left is removed beside the next start, which does not wait for it.
    const removed = this.#remove(instance);
    // It still has what the next one will want: it goes first.
    if (wanted) await removed;
    void clock.sleep(missedMs, { signal }).then(
      () =>
        this.#setProblem(this.#problem ?? `plugin ${title} has been away for ${missedMs / 1000} s: ${last}`),
      () => undefined,
    );
    try {
      for (;;) {
        if (waitMs > 0) await clock.sleep(waitMs, { signal });
        signal.throwIfAborted();
        try {
          const next = await start(signal);
          this.#restarts++;
          this.#current = next;
          this.#servingSince = clock.now();
          onUp(next);
          this.#restart?.resolve();
          this.#restart = undefined;
          logger.info("Plugin serves again", {
            pid: next.pid,
            away_ms: Math.round(clock.now().getTime() - sinceMs),
            restarts: this.#restarts,
          });
          return next;
        } catch (error) {
          if (signal.aborted) return undefined;
          const { message, reason } = StatusError.from(error);
          last = message;
          this.#restart?.reject(
            new StatusError(Code.Unavailable, "PLUGIN_RESTART", `plugin ${title} does not serve: ${last}`),
          );
          this.#restart = undefined;
          waitMs = this.#pace.ended(0);
          tell(last);
          logger.warn("Plugin could not be started again", { error: last, wait_ms: Math.round(waitMs) });
          if (reason === refusedReason) this.#setProblem(`plugin ${title} is not used: ${last}`);
          else if (this.#pace.slowed) this.#setProblem(keepsEnding(title, last));
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      return undefined;
    } finally {
      back.abort();
      await removed;
    }
  }

  /** What cannot be removed, a folder that the plugin has closed to itself for instance, keeps no other from being started. */
  async #remove(instance: I): Promise<void> {
    try {
      await instance[Symbol.asyncDispose]();
    } catch (error) {
      const { message } = StatusError.from(error);
      this.#options.logger.warn("Plugin left what cannot be removed", { pid: instance.pid, error: message });
    }
  }

  #setProblem(problem: string | undefined): void {
    if (problem === this.#problem) return;
    const before = this.#problem;
    this.#problem = problem;
    const { logger, onProblem } = this.#options;
    if (before === undefined) logger.error("Plugin is out of service", { error: problem });
    else if (problem === undefined) logger.info("Plugin is in service again", { pid: this.pid });
    onProblem(problem);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const stopped = this.#stopped();
    this.#restart?.reject(stopped);
    this.#handOver?.done.reject(stopped);
    await this.#current?.[Symbol.asyncDispose]();
  }
}

const restartAsked = "a restart was asked for";
const takenOver = "taken over";

interface End<I> {
  readonly instance: I;
  /** In words. */
  readonly how: string;
  readonly servedMs: number;
}

function keepsEnding(title: string, last: string): string {
  return `plugin ${title} keeps ending; the last time: ${last}`;
}

function withWords(how: string, words: string): string {
  return words === "" ? how : `${how}: ${words}`;
}
