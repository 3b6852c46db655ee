import type { Clock } from "@finial/sdk";
import { aborted } from "../../kernel/lifecycle/run-together.ts";

/** Something that happens now and then, for one who waits. What happens while nobody waits happens once. */
export class Pulse {
  #beat = Promise.withResolvers<void>();

  beat(): void {
    this.#beat.resolve();
  }

  /** True for a beat, or when `everyMs` are up, if given; false when the signal aborts. */
  async wait(options: {
    readonly clock: Clock;
    readonly everyMs: number | undefined;
    readonly signal: AbortSignal;
  }): Promise<boolean> {
    const { clock, everyMs, signal } = options;
    const enough = new AbortController();
    const until = AbortSignal.any([signal, enough.signal]);
    const other =
      everyMs === undefined ? aborted(until) : clock.sleep(everyMs, { signal: until }).catch(() => undefined);
    await Promise.race([this.#beat.promise, other]);
    enough.abort();
    if (signal.aborted) return false;
    this.#beat = Promise.withResolvers();
    return true;
  }
}
