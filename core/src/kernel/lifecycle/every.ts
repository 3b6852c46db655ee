import type { Clock } from "@finial/sdk";
import type { Task } from "./run-together.ts";

/** A task that works every so often, the first time after one interval. `work` deals with its own failures. */
export function every(
  intervalMs: number | (() => number),
  work: (signal: AbortSignal) => Promise<void>,
  clock: Clock,
): Task {
  return async (signal) => {
    while (!signal.aborted) {
      await clock.sleep(typeof intervalMs === "number" ? intervalMs : intervalMs(), { signal });
      await work(signal);
    }
  };
}
