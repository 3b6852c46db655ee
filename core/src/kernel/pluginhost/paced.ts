import type { Readable } from "node:stream";
import { type Clock, StatusError } from "@finial/sdk";

/** Nobody has reason to log more, for longer than a burst. */
const charactersPerSecond = 1 << 20;
const burstCharacters = 4 << 20;

/**
 * Reads text no faster than a plugin has reason to write it: one that floods waits for its own pipe, and takes no time from
 * anybody else.
 *
 * @param options.onFlood called once, when the plugin has to wait for the first time.
 */
export function readPaced(
  stream: Readable,
  take: (text: string) => void,
  { clock, onFlood }: { readonly clock: Clock; readonly onFlood: () => void },
): void {
  const closed = new AbortController();
  let allowance = burstCharacters;
  let lastMs = clock.now().getTime();
  let flooded = false;
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const nowMs = clock.now().getTime();
    // A clock set back must not make it wait.
    const earned = (Math.max(0, nowMs - lastMs) / 1000) * charactersPerSecond;
    lastMs = nowMs;
    allowance = Math.min(burstCharacters, allowance + earned) - text.length;
    if (allowance < 0) {
      if (!flooded) onFlood();
      flooded = true;
      stream.pause();
      void resumeAfter((-allowance / charactersPerSecond) * 1000);
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
