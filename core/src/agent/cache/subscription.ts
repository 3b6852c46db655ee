import type { EntryRecord } from "./entry-record.ts";
import type { WorkloadUpdate } from "./workload-update.ts";

/**
 * A workload's view of the cache. Iterating gives what it may know now, as soon as all its SVIDs are there, and again after
 * each change. Who reads slowly misses what came in between, never what is newest.
 */
export class Subscription implements AsyncIterable<WorkloadUpdate> {
  /** The workload's selectors, as `type:value`. */
  readonly held: ReadonlySet<string>;
  readonly records = new Set<EntryRecord>();
  readonly #signal: AbortSignal;
  readonly #build: (subscription: Subscription) => WorkloadUpdate;
  readonly #end: (subscription: Subscription) => void;
  #complete = false;
  #changed = true;
  #wake = (): void => {};

  constructor(options: {
    readonly held: ReadonlySet<string>;
    readonly signal: AbortSignal;
    readonly build: (subscription: Subscription) => WorkloadUpdate;
    readonly end: (subscription: Subscription) => void;
  }) {
    this.held = options.held;
    this.#signal = options.signal;
    this.#build = options.build;
    this.#end = options.end;
  }

  /** There is something new. */
  notify(): void {
    this.#changed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WorkloadUpdate> {
    const abort = (): void => this.#wake();
    this.#signal.addEventListener("abort", abort);
    try {
      while (!this.#signal.aborted) {
        if (this.#isDue()) {
          this.#changed = false;
          yield this.#build(this);
        } else
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
      }
    } finally {
      this.#signal.removeEventListener("abort", abort);
      this.#end(this);
    }
  }

  /** The first answer waits until it is whole; none says that there is no identity while one is being made. */
  #isDue(): boolean {
    const records = [...this.records];
    this.#complete ||= records.every((record) => record.isReady);
    const isEmpty = records.length > 0 && records.every(({ svid }) => svid === undefined);
    return this.#complete && this.#changed && !isEmpty;
  }
}
