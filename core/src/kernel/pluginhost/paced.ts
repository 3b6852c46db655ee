import type { Readable } from "node:stream";
import { type Clock, type Logger, StatusError } from "@finial/sdk";

/** Nobody has reason to log more, for longer than a burst. */
const unitsPerSecond = 1 << 20;
const burstUnits = 4 << 20;

/**
 * What a plugin may write before it has to wait: one that floods waits for its own pipe, and takes no time from anybody else.
 */
export class Allowance {
  readonly #clock: Clock;
  readonly #onFlood: () => void;
  #units = burstUnits;
  #lastMs: number;
  #flooded = false;

  /** @param options.onFlood called once, when the plugin has to wait for the first time. */
  constructor({ clock, onFlood }: { readonly clock: Clock; readonly onFlood: () => void }) {
    this.#clock = clock;
    this.#onFlood = onFlood;
    this.#lastMs = clock.now().getTime();
  }

  /** @returns how many milliseconds to wait before more is read; 0 for as long as it writes no more than it has reason to. */
  take(units: number): number {
    const nowMs = this.#clock.now().getTime();
    // A clock set back must not make it wait.
    const earned = (Math.max(0, nowMs - this.#lastMs) / 1000) * unitsPerSecond;
    this.#lastMs = nowMs;
    this.#units = Math.min(burstUnits, this.#units + earned) - units;
    if (this.#units >= 0) return 0;
    if (!this.#flooded) this.#onFlood();
    this.#flooded = true;
    return (-this.#units / unitsPerSecond) * 1000;
  }
}

/** Reads text no faster than its writer is allowed. */
export function readPaced(
  stream: Readable,
  take: (text: string) => void,
  { clock, allowance }: { readonly clock: Clock; readonly allowance: Allowance },
): void {
  const closed = new AbortController();
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const waitMs = allowance.take(text.length);
    if (waitMs > 0) {
      stream.pause();
      void resumeAfter(waitMs);
    }
    take(text);
  });
  stream.once("close", () => closed.abort());

  async function resumeAfter(ms: number): Promise<void> {
    try {
      await clock.sleep(ms, { signal: closed.signal });
    } catch (error) {
      // Nothing more is read of a stream that has closed.
      if (StatusError.from(error).reason !== "CANCELLED") throw error;
      return;
    }
    stream.resume();
  }
}

export function warnOfFlood(logger: Logger, pipe: string): void {
  logger.warn("Plugin writes more than is read, and has to wait", { pipe });
}
