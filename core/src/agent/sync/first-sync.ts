import { type Clock, type Logger, StatusError } from "@finial/sdk";
import { Backoff } from "./backoff.ts";
import { denialOf, isUnknownAuthority } from "./denial.ts";

const firstWaitMs = 5_000;

/**
 * Syncs once, tried again for a while: an agent opens its doors when it knows its entries.
 *
 * @param onDenied does what can be done about a server that denies the agent, or throws.
 * @param onUnknownAuthority throws to give up.
 * @throws {StatusError} the last failure.
 */
export async function firstSync(options: {
  readonly sync: (signal: AbortSignal) => Promise<void>;
  readonly onDenied: (error: StatusError) => Promise<void>;
  readonly onUnknownAuthority: (error: StatusError) => void;
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly random: () => number;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { patienceMs, clock, logger, random, signal } = options;
  const backoff = new Backoff({ initialMs: firstWaitMs, maxElapsedMs: patienceMs, clock, random });
  for (;;) {
    try {
      await options.sync(signal);
      return;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      const error = StatusError.from(thrown);
      if (isUnknownAuthority(error)) options.onUnknownAuthority(error);
      if (denialOf(error) !== undefined) {
        await options.onDenied(error);
        continue;
      }
      const waitMs = backoff.next();
      if (waitMs === undefined) throw error;
      logger.warn("Failed to initialize manager", {
        error: error.message,
        retry_interval: `${(waitMs / 1000).toFixed(3)}s`,
      });
      await clock.sleep(waitMs, { signal });
    }
  }
}
