import { type ChildProcessByStdio, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { exitOf } from "./child.ts";

/** A program that reports one JSON object a line, read while it runs. It is killed when it is disposed of. */
export class LineProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  #stderr = "";

  constructor(command: readonly string[]) {
    const [file, ...args] = command;
    if (file === undefined) throw new TypeError("an empty command");
    this.#child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** @throws when it ends instead: what it wrote to standard error says why. */
  async next(): Promise<Readonly<Record<string, unknown>>> {
    const { done, value } = await this.#lines.next();
    if (!done) return JSON.parse(value);
    const status = await exitOf(this.#child);
    throw new Error(`it ended with ${status}: ${this.#stderr.trim()}`);
  }

  /** Waits for its end. */
  async ended(): Promise<{ readonly status: number; readonly stderr: string }> {
    const status = await exitOf(this.#child);
    return { status, stderr: this.#stderr.trim() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await exitOf(this.#child);
  }
}
