import { closeSync, openSync, readSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Daemon } from "../daemon.ts";
import { processTree } from "../processes.ts";

/** A plugin of a running daemon, as whoever means it harm sees it. */
export class Victim {
  readonly title: string;
  readonly #daemon: Daemon;
  /** What a line of the log about it has in it. */
  readonly #about: readonly RegExp[];
  readonly #lines: string[] = [];
  readonly #piece = Buffer.alloc(1 << 20);
  #offset = 0;
  #rest = "";
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
    this.#about = [new RegExp(`plugin_name"?[=:]"?${name}\\b`), new RegExp(`plugin_type"?[=:]"?${type}\\b`)];
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
    this.#readOn();
    return this.#lines.filter((line) => line.includes(message));
  }

  /** Only what is new: to read it all would take the time of those who are measured. */
  #readOn(): void {
    const file = openSync(this.#daemon.logFile, "r");
    try {
      for (;;) {
        const length = readSync(file, this.#piece, 0, this.#piece.length, this.#offset);
        if (length === 0) return;
        this.#offset += length;
        const lines = (this.#rest + this.#piece.toString("latin1", 0, length)).split("\n");
        this.#rest = lines.pop() ?? "";
        this.#lines.push(...lines.filter((line) => this.#about.every((mark) => mark.test(line))));
      }
    } finally {
      closeSync(file);
    }
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
      await sleep(10);
    }
    if (since !== undefined) startedAt = performance.now();
    while (this.returns === before) {
      if (performance.now() - startedAt > limitMs)
        throw new Error(`${this.title} did not come back within ${limitMs / 1000} s`);
      await sleep(10);
    }
    return performance.now() - startedAt;
  }
}
