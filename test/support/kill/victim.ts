import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemon } from "../daemon.ts";
import { processTree } from "../processes.ts";

/** A plugin of a running daemon, as whoever means it harm sees it. */
export class Victim {
  readonly title: string;
  readonly #daemon: Daemon;
  readonly #type: string;
  readonly #name: string;
  /** What its command line has in it. */
  readonly #mark: string;

  /** @param options.mark what its command line has in it, if it is none of Finial's own. */
  constructor(
    daemon: Daemon,
    options: { readonly side: string; readonly type: string; readonly name: string; readonly mark?: string },
  ) {
    const { side, type, name, mark = `plugins/${side}/${type.toLowerCase()}/${name}/` } = options;
    this.title = `${side} ${type} ${name}`;
    this.#daemon = daemon;
    this.#type = type;
    this.#name = name;
    this.#mark = mark;
  }

  /** Of its process; undefined while there is none. */
  get pid(): number | undefined {
    const [, ...below] = processTree(this.#daemon.pid);
    return below.find(({ command }) => command.includes(this.#mark))?.pid;
  }

  /** How often the daemon has said that it serves again. */
  get returns(): number {
    return this.lines("Plugin serves again").length;
  }

  /** Lines of the daemon's log about it with this message. */
  lines(message: string): readonly string[] {
    return readFileSync(this.#daemon.logFile, "utf8")
      .split("\n")
      .filter(
        (line) =>
          line.includes(message) &&
          new RegExp(`plugin_name"?[=:]"?${this.#name}\\b`).test(line) &&
          new RegExp(`plugin_type"?[=:]"?${this.#type}\\b`).test(line),
      );
  }

  /** Sends its process a signal. */
  signal(signal: NodeJS.Signals): number {
    const { pid } = this;
    if (pid === undefined) throw new Error(`${this.title} does not run`);
    process.kill(pid, signal);
    return pid;
  }

  /**
   * Does something to it, and waits until another process serves in its place.
   *
   * @param options.since counts from the line of the daemon's log that has this message; else from the harm.
   * @returns how long that took, in milliseconds.
   */
  async replaced(
    harm: () => void,
    { limitMs, since }: { readonly limitMs: number; readonly since?: string },
  ): Promise<number> {
    const before = this.returns;
    const said = since === undefined ? 0 : this.lines(since).length;
    let startedAt = performance.now();
    harm();
    while (since !== undefined && this.lines(since).length === said) {
      if (performance.now() - startedAt > limitMs)
        throw new Error(`nobody minds what ${this.title} does for ${limitMs / 1000} s`);
      await sleep(5);
    }
    if (since !== undefined) startedAt = performance.now();
    while (this.returns === before) {
      if (performance.now() - startedAt > limitMs)
        throw new Error(`${this.title} did not come back within ${limitMs / 1000} s`);
      await sleep(5);
    }
    return performance.now() - startedAt;
  }
}
