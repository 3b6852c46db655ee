import type { Clock } from "@finial/sdk";

/** So long a process must have served for its end to be no sign of a plugin that cannot run. */
export const goodServiceMs = 2000;
/** So long, and all that was before is forgotten. */
const forgivenMs = 60_000;
/** Of ends that came too early, within {@link forgivenMs}: from this one on the next start waits. */
const patience = 4;
const delayMs = { first: 100, most: 30_000 };

/**
 * How long to wait before a plugin is started again: not at all, unless its processes keep ending before they were of use. Then
 * longer each time, so that a plugin that cannot run costs its daemon nothing, and by a random part of that, so that many daemons
 * whose plugins end for one reason do not come back at one moment.
 */
export class RestartPace {
  readonly #clock: Pick<Clock, "now">;
  readonly #random: () => number;
  /** When processes ended too early, while nothing waits yet. */
  #early: readonly number[] = [];
  /** How often the delay has been doubled; undefined while nothing waits. */
  #doublings: number | undefined;

  /** @param options.random from 0 up to 1. */
  constructor({ clock, random }: { readonly clock: Pick<Clock, "now">; readonly random: () => number }) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Whether it is one that keeps ending. */
  get slowed(): boolean {
    return this.#doublings !== undefined;
  }

  /**
   * A process has ended, or never came to serve.
   *
   * @param servedMs how long it served; 0 for a start that failed.
   * @returns for how many milliseconds the next start waits.
   */
  ended(servedMs: number): number {
    if (servedMs >= forgivenMs) {
      this.#early = [];
      this.#doublings = undefined;
    }
    if (servedMs >= goodServiceMs) return 0;
    const nowMs = this.#clock.now().getTime();
    this.#early = [...this.#early.filter((ms) => nowMs - ms < forgivenMs), nowMs].slice(-patience);
    if (this.#doublings !== undefined) this.#doublings++;
    else if (this.#early.length >= patience) this.#doublings = 0;
    if (this.#doublings === undefined) return 0;
    const wholeMs = Math.min(delayMs.first * 2 ** this.#doublings, delayMs.most);
    return wholeMs * (1 - this.#random() / 2);
  }
}
