import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import type { Readable } from "node:stream";
import { getSystemErrorMessage } from "node:util";
import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { type Handshake, parseHandshake } from "@finial/sdk/internal";
import { firstLine } from "./first-line.ts";
import type { Launch } from "./launch.ts";
import { PluginLog } from "./plugin-log.ts";

/** go-plugin's limit from spawn to handshake. */
const startLimitMs = 60_000;
/** After Shutdown a plugin has this long, as under SPIRE. */
const exitGraceMs = 2000;
/** util-linux; it makes the kernel kill the plugin with us, and then is the plugin. */
const setpriv = ["/usr/bin/setpriv", "/bin/setpriv"];

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

type PipedProcess = ChildProcess & { readonly stdout: Readable; readonly stderr: Readable };

/** A plugin's process from spawn to exit. Disposing of it kills it if need be and waits. */
export class PluginProcess implements AsyncDisposable {
  readonly pid: number;
  /** Settles when the process is gone. */
  readonly exited: Promise<Exit>;
  readonly #child: PipedProcess;
  readonly #clock: Clock;
  readonly #firstLine: Promise<string>;

  private constructor(child: PipedProcess, pid: number, exited: Promise<Exit>, clock: Clock) {
    this.pid = pid;
    this.exited = exited;
    this.#child = child;
    this.#clock = clock;
    this.#firstLine = firstLine(child.stdout);
  }

  /** @throws {StatusError} FailedPrecondition `PLUGIN_SPAWN` when the file cannot be run. */
  static async spawn(
    launch: Launch,
    options: { readonly logger: Logger; readonly clock: Clock },
  ): Promise<PluginProcess> {
    requireExecutable(launch.file);
    const [file, args] = withParentDeathSignal(launch);
    const child = spawn(file, args, {
      env: launch.env,
      stdio: [launch.lifeline ? "pipe" : "ignore", "pipe", "pipe"],
    }) as PipedProcess;
    const exited = new Promise<Exit>((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(spawnFailure(launch.file, error)));
    });
    child.on("error", (error) => options.logger.error("Plugin process failed", { error: error.message }));
    // A plugin that is gone breaks its lifeline; its exit is what is acted upon.
    child.stdin?.on("error", (error) =>
      options.logger.trace("Plugin lifeline closed", { error: error.message }),
    );
    const log = new PluginLog(options.logger);
    child.stderr.setEncoding("utf8");
    child.stderr.on("data", (text: string) => log.write(text));
    child.stderr.on("close", () => log.end());
    return new PluginProcess(child, child.pid ?? 0, exited, options.clock);
  }

  /** @throws {StatusError} FailedPrecondition with go-plugin's sentence for what went wrong. */
  async handshake(): Promise<Handshake> {
    const limit = new AbortController();
    const timeout = this.#clock.sleep(startLimitMs, { signal: limit.signal }).then(
      () => undefined,
      () => undefined,
    );
    const line = await Promise.race([this.#firstLine, timeout]);
    limit.abort();
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
        `failed to launch plugin: plugin ended before it said where it listens (${await this.#explain()}); its own log lines say why`,
      );
    try {
      return parseHandshake(line);
    } catch (error) {
      throw StatusError.from(error).prefixed("failed to launch plugin: ");
    }
  }

  async #explain(): Promise<string> {
    const { code, signal } = await this.#exitWithin(exitGraceMs).then(
      (exit) => exit ?? { code: null, signal: null },
    );
    if (signal !== null) return `killed by ${signal}`;
    return code === null ? "its standard output closed" : `exit status ${code}`;
  }

  async #exitWithin(ms: number): Promise<Exit | undefined> {
    const limit = new AbortController();
    const timeout = this.#clock.sleep(ms, { signal: limit.signal }).then(
      () => undefined,
      () => undefined,
    );
    const exit = await Promise.race([this.exited, timeout]);
    limit.abort();
    return exit;
  }

  /** Waits a little for the plugin that was asked to end, then ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end();
    if ((await this.#exitWithin(exitGraceMs)) === undefined) this.#child.kill("SIGKILL");
    await this.exited;
    // A grandchild may hold the pipes open; they would keep us alive.
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** Asked before the wrapper is started, whose own failure would only be an exit status. */
function requireExecutable(file: string): void {
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

function withParentDeathSignal({ file, args }: Launch): [string, readonly string[]] {
  const wrapper = process.platform === "linux" ? setpriv.find((path) => existsSync(path)) : undefined;
  return wrapper === undefined ? [file, args] : [wrapper, ["--pdeathsig", "KILL", "--", file, ...args]];
}
