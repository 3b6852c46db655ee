import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { exitOf } from "./child.ts";

/** A server or agent: one process whose output goes to a log file, so that it can outlive the one who started it. */
export class Daemon implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly name: string;
  readonly logFile: string;

  private constructor(name: string, logFile: string, child: ChildProcess) {
    this.name = name;
    this.logFile = logFile;
    this.child = child;
  }

  static start(
    name: string,
    command: readonly string[],
    options: { readonly logFile: string; readonly env?: NodeJS.ProcessEnv; readonly cwd?: string },
  ): Daemon {
    const [file, ...args] = command;
    if (file === undefined) throw new TypeError("an empty command");
    const log = openSync(options.logFile, "a");
    try {
      const child = spawn(file, args, {
        stdio: ["ignore", log, log],
        detached: true,
        ...(options.env && { env: options.env }),
        ...(options.cwd && { cwd: options.cwd }),
      });
      return new Daemon(name, options.logFile, child);
    } finally {
      closeSync(log);
    }
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} did not start`);
    return this.child.pid;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  get log(): string {
    return readFileSync(this.logFile, "utf8");
  }

  /** @throws when it has ended: its last lines say why. */
  assertRunning(): void {
    if (this.running) return;
    const status = this.child.exitCode ?? this.child.signalCode;
    throw new Error(`the ${this.name} ended with ${status}:\n${this.log.slice(-3000)}`);
  }

  /** Lets it run on after this process ends. */
  release(): void {
    this.child.unref();
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
