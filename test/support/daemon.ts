import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { exitOf } from "./child.ts";

/** A server or agent under test: one process, its log in a file and in memory. */
export class Daemon implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #name: string;
  #log = "";

  private constructor(name: string, child: ChildProcess) {
    this.#name = name;
    this.child = child;
  }

  static start(
    name: string,
    command: readonly string[],
    options: { readonly logFile: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
  ): Daemon {
    const [file, ...args] = command;
    if (file === undefined) throw new TypeError("an empty command");
    const child = spawn(file, args, {
      stdio: ["ignore", "pipe", "pipe"],
      ...(options.env && { env: options.env }),
      ...(options.cwd && { cwd: options.cwd }),
    });
    const daemon = new Daemon(name, child);
    const sink = createWriteStream(options.logFile, { flags: "a" });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (chunk: string) => {
        daemon.#log = (daemon.#log + chunk).slice(-1_000_000);
        sink.write(chunk);
      });
    }
    child.once("close", () => sink.end());
    finished(sink).catch((error: unknown) => console.error(`${name}: its log cannot be written`, error));
    return daemon;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.#name} did not start`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** The newest million characters of its log. */
  get log(): string {
    return this.#log;
  }

  /** @throws when it has ended: its last lines say why. */
  assertRunning(): void {
    if (this.running) return;
    throw new Error(`${this.#name} ended with ${this.child.exitCode ?? this.child.signalCode}:\n${this.#log.slice(-3000)}`);
  }

  /** SIGTERM, then its exit status; -1 when a signal ended it. */
  async stop(): Promise<number> {
    if (this.running) this.child.kill("SIGTERM");
    return await exitOf(this.child);
  }

  /** SIGKILL: the crash that cannot be prepared for. */
  async kill(): Promise<void> {
    if (this.running) this.child.kill("SIGKILL");
    await exitOf(this.child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const hard = setTimeout(() => this.child.kill("SIGKILL"), 15_000);
    await this.stop();
    clearTimeout(hard);
  }
}
