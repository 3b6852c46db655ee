import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { type Clock, Code, StatusError } from "@finial/sdk";
import { type Channel, createClient } from "@finial/sdk/internal";
import { within } from "../lifecycle/within.ts";
import type { PluginLimits } from "./limits.ts";

export interface PulseOptions {
  /** Resolves when the plugin has answered, whatever it says. */
  readonly ask: (signal: AbortSignal) => Promise<void>;
  /** Whether there is a good reason for the plugin not to answer for a while. */
  readonly isBusy: () => boolean;
  readonly limits: Pick<PluginLimits, "pulseEveryMs" | "pulseMs" | "missedPulses" | "busyMs">;
  readonly clock: Clock;
}

/**
 * Asks a plugin again and again whether it is there, until it is not.
 *
 * One that does not answer and does nothing else hangs: it is stopped, waits for what never comes, or for a pipe that nobody
 * reads. One that is at work may be too busy to answer, a database over a long query for instance, and is given longer.
 *
 * @returns what is wrong with it.
 * @throws the signal's reason when it aborts.
 */
export async function untilSilent(
  { ask, isBusy, limits, clock }: PulseOptions,
  signal: AbortSignal,
): Promise<string> {
  const { pulseEveryMs, pulseMs, missedPulses, busyMs } = limits;
  let answeredMs = clock.now().getTime();
  for (let missed = 0; ; ) {
    if (missed === 0) await clock.sleep(pulseEveryMs, { signal });
    const given = new AbortController();
    const answer = ask(AbortSignal.any([signal, given.signal])).then(
      () => true,
      () => false,
    );
    const answered = await within(answer, pulseMs, { clock, signal });
    given.abort();
    const nowMs = clock.now().getTime();
    if (answered) {
      missed = 0;
      answeredMs = nowMs;
      continue;
    }
    // A connection that fails at once is no reason to ask again at once.
    if (answered === false) await clock.sleep(pulseMs, { signal });
    missed++;
    const silentMs = nowMs - answeredMs;
    if (isBusy() ? silentMs >= busyMs : missed >= missedPulses)
      return `it has not answered for ${(silentMs / 1000).toFixed(1)} s`;
  }
}

/** By the health service that go-plugin's plugins offer; one without it, that says so, answers, too. */
export function askForHealth(channel: Channel): PulseOptions["ask"] {
  const { check } = createClient(HealthDefinition, channel);
  return async (signal) => {
    try {
      await check({ service: "plugin" }, { signal });
    } catch (error) {
      if (noAnswer.has(StatusError.from(error).code)) throw error;
    }
  };
}

const noAnswer: ReadonlySet<Code> = new Set([Code.Unavailable, Code.DeadlineExceeded, Code.Cancelled]);
