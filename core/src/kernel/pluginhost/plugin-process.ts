import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { getSystemErrorMessage } from "node:util";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { type Handshake, parseHandshake } from "@finial/sdk/internal";
import { within } from "../lifecycle/within.ts";
import { FirstLine } from "./first-line.ts";
import type { Launch } from "./launch.ts";
import type { PluginLimits } from "./limits.ts";
import { Allowance, readPaced, warnOfFlood } from "./paced.ts";
import { PluginLog } from "./plugin-log.ts";

/** What a process wrote before its end may be read a moment after it; its end is seen a moment after its connection's. */
const lastWordsGraceMs = 1000;
/** Nothing survives SIGKILL but what the kernel itself keeps. */
const killLimitMs = 5000;
/** Of what a plugin says in the place of its handshake. */
const maxQuoted = 300;
/** util-linux; it makes the kernel kill the plugin with us, and then is the plugin. */
const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"];

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** For messages: `exit status 1`, `killed by SIGKILL`. */
export function describeExit({ code, signal }: Exit): string {
  return signal === null ? `exit status ${code}` : `killed by ${signal}`;
}

type PipedProcess = ChildProcess & {
  readonly pid: number;
  readonly stdout: Readable;
  readonly stderr: Readable;
};

interface Surroundings {
  readonly logger: Logger;
  readonly clock: Clock;
  readonly limits: Pick<PluginLimits, "startMs" | "exitMs">;
  readonly redact?: ((words: string) => string) | undefined;
}

/** A plugin's process from spawn to exit, with all it started. Disposing of it kills it if need be and waits. */
export class PluginProcess implements AsyncDisposable {
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly exited: Promise<Exit>;
  /** Settles when nothing more comes from its standard error. */
  readonly said: Promise<void>;
  readonly #child: PipedProcess;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: Surroundings["limits"];
  readonly #log: PluginLog;
  readonly #firstLine = new FirstLine(() =>
    this.#logger.warn("Plugin writes to its standard output, which nobody reads after its first line", {
      pid: this.pid,
    }),
  );
  #canBeAsked = false;

  private constructor(
    child: PipedProcess,
    exited: Promise<Exit>,
    { logger, clock, limits, redact }: Surroundings,
  ) {
    this.pid = child.pid;
    this.exited = exited;
    this.#child = child;
    this.#clock = clock;
    this.#logger = logger;
    this.#limits = limits;
    this.#log = new PluginLog(logger, redact);
    const { stdin, stdout, stderr } = child;
    // A plugin that is gone breaks its pipes; its exit is what is acted upon.
    for (const [name, stream] of Object.entries({ stdin, stdout, stderr }))
      stream?.on("error", (error) =>
        logger.trace("Plugin pipe failed", { pipe: name, error: error.message }),
      );
    const paced = (pipe: string) => ({
      clock,
      allowance: new Allowance({ clock, onFlood: () => warnOfFlood(logger, pipe) }),
    });
    readPaced(stdout, (text) => this.#firstLine.write(text), paced("stdout"));
    stdout.once("close", () => this.#firstLine.end());
    readPaced(stderr, (text) => this.#log.write(text), paced("stderr"));
    this.said = new Promise((resolve) =>
      stderr.once("close", () => {
        this.#log.end();
        resolve();
      }),
    );
  }

  /** @throws {StatusError} FailedPrecondition `PLUGIN_SPAWN` when the file cannot be run. */
  static async spawn(launch: Launch, surroundings: Surroundings): Promise<PluginProcess> {
    requireExecutable(launch.file);
    const [file, args] = withParentDeathSignal(launch);
    const child = spawn(file, args, {
      env: launch.env,
      stdio: [launch.lifeline ? "pipe" : "ignore", "pipe", "pipe"],
      // A process group of its own: what it starts ends with it, and a Ctrl-C at our terminal is for us alone.
      detached: true,
    }) as PipedProcess;
    const exited = new Promise<Exit>((resolve) => {
      child.once("exit", (code, signal) => {
        killGroup(child.pid);
        resolve({ code, signal });
      });
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(spawnFailure(launch.file, error)));
    });
    child.on("error", (error) =>
      surroundings.logger.error("Plugin process failed", { error: error.message }),
    );
    return new PluginProcess(child, exited, surroundings);
  }

  /** @throws {StatusError} FailedPrecondition with go-plugin's sentence for what went wrong; Cancelled. */
  async handshake(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<Handshake> {
    const line = await within(this.#findLine(), this.#limits.startMs, { clock: this.#clock, ...options });
    if (line === undefined)
      throw new StatusError(
        Code.FailedPrecondition,
        "HANDSHAKE_TIMEOUT",
        "failed to launch plugin: timeout while waiting for plugin to start",
      );
    if (line.trim() === "")
      throw new StatusError(
        Code.FailedPrecondition,
        "HANDSHAKE_MISSING",
        `failed to launch plugin: ${await this.#describeEnd("before it said where it listens")}`,
      );
    try {
      const handshake = parseHandshake(line);
      this.#canBeAsked = true;
      return handshake;
    } catch (error) {
      const { code, reason, message } = StatusError.from(error);
      const quoted = message.length > maxQuoted ? `${message.slice(0, maxQuoted)}…` : message;
      throw new StatusError(code, reason, `failed to launch plugin: ${quoted}`, { cause: error });
    }
  }

  /** Something that a plugin started may hold its output open: the end of the process is an end, too. */
  async #findLine(): Promise<string> {
    const { found } = this.#firstLine;
    const ended = this.exited.then(() => within(found, lastWordsGraceMs, { clock: this.#clock }));
    return (await Promise.race([found, ended])) ?? "";
  }

  /** The failure of a call, or the end of the process if that is what was behind it: the connection's words for it help nobody. */
  async explain(error: unknown, when: string): Promise<StatusError> {
    const status = StatusError.from(error);
    if (status.code !== Code.Unavailable) return status;
    if ((await this.#exitWithin(lastWordsGraceMs)) === undefined) return status;
    return new StatusError(Code.Unavailable, "PLUGIN_EXITED", await this.#describeEnd(when), {
      cause: error,
    });
  }

  async #describeEnd(when: string): Promise<string> {
    const exit = await this.#exitWithin(lastWordsGraceMs);
    const how = exit === undefined ? "its standard output closed" : describeExit(exit);
    const { lastWords } = this.#log;
    return `plugin ended ${when} (${how})${lastWords === "" ? "" : `: ${lastWords}`}`;
  }

  #exitWithin(ms: number): Promise<Exit | undefined> {
    return within(this.exited, ms, { clock: this.#clock });
  }

  /** Whether it writes more than is read at the moment. */
  get isFlooding(): boolean {
    return this.#child.stdout.isPaused() || this.#child.stderr.isPaused();
  }

  /** The end of what it said in no log's format. */
  get lastWords(): string {
    return this.#log.lastWords;
  }

  /** Waits a little for the plugin that was asked to end, then ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    if (!this.#canBeAsked) this.kill();
    else if ((await this.#exitWithin(this.#limits.exitMs)) === undefined) {
      this.#logger.warn("Plugin failed to exit gracefully");
      this.kill();
    }
    if ((await this.#exitWithin(killLimitMs)) === undefined)
      this.#logger.error("Plugin process cannot be killed", { pid: this.pid });
    // Whoever left the process group may hold the pipes open; they would keep us alive.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** Ends it at once, with all it started. */
  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) killGroup(this.pid);
  }
}

/** Of what a process started, that is what did not leave its group. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody is left, or it runs as another user: what comes of that is seen when its end is waited for.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/**
 * Asked before the wrapper is started, whose own failure would only be an exit status.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_SPAWN`.
 */
export function requireExecutable(file: string): void {
  try {
    accessSync(file, constants.X_OK);
  } catch (error) {
    throw spawnFailure(file, error);
  }
}

/** Worded as by Go, and so by SPIRE. */
function spawnFailure(file: string, cause: unknown): StatusError {
  const { errno, message } = cause as NodeJS.ErrnoException;
  const why = errno === undefined ? message : getSystemErrorMessage(errno);
  return new StatusError(
    Code.FailedPrecondition,
    "PLUGIN_SPAWN",
    `failed to launch plugin: fork/exec ${file}: ${why}`,
    { cause },
  );
}

export function withParentDeathSignal({
  file,
  args,
}: Pick<Launch, "file" | "args">): [string, readonly string[]] {
  const wrapper = process.platform === "linux" ? setpriv.find(isUtilLinux) : undefined;
  return wrapper === undefined ? [file, args] : [wrapper, ["--pdeathsig", "KILL", "--", file, ...args]];
}

/** BusyBox has a setpriv of its own, which knows nothing of parents. */
function isUtilLinux(path: string): boolean {
  return existsSync(path) && basename(realpathSync(path)) !== "busybox";
}
