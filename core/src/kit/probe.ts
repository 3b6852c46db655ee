import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { systemClock as clock } from "@finial/sdk";
import { within } from "../kernel/lifecycle/within.ts";

/** Enough for every handshake, and for the beginning of what else was printed. */
const maxKept = 64 << 10;
/** Of its last words, for a message. */
const maxQuoted = 600;

export interface ProbeOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly lifeline: boolean;
}

/** A plugin's process of which everything is kept that it prints. Disposing of it kills it with all it started. */
export class Probe implements AsyncDisposable {
  readonly pid: number;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";
  #ended = false;
  #wake = Promise.withResolvers<void>();

  private constructor(child: ChildProcess, pid: number) {
    this.pid = pid;
    this.#child = child;
    this.exited = new Promise((resolve) =>
      child.once("exit", (code, signal) => {
        // What it wrote before its end may be read a moment after it.
        setTimeout(() => {
          this.#ended = true;
          this.#stir();
          resolve({ code, signal });
        }, 50);
      }),
    );
    keep(child.stdout, (text) => {
      this.#stdout = (this.#stdout + text).slice(0, maxKept);
      this.#stir();
    });
    keep(child.stderr, (text) => {
      this.#stderr = (this.#stderr + text).slice(-maxKept);
    });
    child.stdin?.on("error", () => undefined);
    child.on("error", () => undefined);
  }

  /** @throws as spawn fails. */
  static async start({ file, args, env, lifeline }: ProbeOptions): Promise<Probe> {
    const child = spawn(file, args, {
      env,
      stdio: [lifeline ? "pipe" : "ignore", "pipe", "pipe"],
      detached: true,
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", reject);
    });
    return new Probe(child, child.pid ?? 0);
  }

  get stdout(): string {
    return this.#stdout;
  }

  /** The end of what it logged, in one line without a full stop. */
  get lastWords(): string {
    const lines = this.#stderr.trim().split("\n").map(messageOfLine);
    return lines.slice(-6).join(" / ").slice(-maxQuoted).replace(/\.$/, "");
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Waits until its output has a whole line, it ends, or the time is over. */
  async untilLine(ms: number): Promise<string | undefined> {
    const until = performance.now() + ms;
    for (;;) {
      const end = this.#stdout.indexOf("\n");
      if (end >= 0) return this.#stdout.slice(0, end);
      const left = until - performance.now();
      if (this.#ended || left <= 0) return undefined;
      await within(this.#wake.promise, left, { clock });
    }
  }

  /** @returns whether it has ended by then. */
  async endsWithin(ms: number): Promise<boolean> {
    return (await within(this.exited, ms, { clock })) !== undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {
      // Nobody is left of it.
    }
    await this.endsWithin(5000);
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

function keep(stream: Readable | null, take: (text: string) => void): void {
  stream?.on("error", () => undefined);
  stream?.setEncoding("utf8").on("data", take);
}

/** The message of a line in go-hclog's format; other lines as they are. */
function messageOfLine(line: string): string {
  if (!line.startsWith("{")) return line;
  try {
    const parsed: Readonly<Record<string, unknown>> = JSON.parse(line);
    return [parsed["@message"], parsed.error].filter((part) => typeof part === "string").join(": ");
  } catch {
    return line;
  }
}
