import { type Clock, type Logger, StatusError } from "@finial/sdk";

const untilReadyMs = 1000;
const afterwardsMs = 60_000;

/** One part of a daemon that can say how it does. */
export interface HealthCheck {
  readonly name: string;
  /** Throws what is wrong. */
  readonly check: (signal: AbortSignal) => Promise<void>;
}

/** How the parts of a daemon were when last asked: every second until all are well, then every minute. */
export class HealthChecks {
  readonly #checks: readonly HealthCheck[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By name: what is wrong, undefined when nothing is. */
  readonly #problems = new Map<string, string | undefined>();

  constructor(checks: readonly HealthCheck[], options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#checks = checks;
    this.#clock = options.clock;
    this.#logger = options.logger;
    for (const { name } of checks) this.#problems.set(name, "not checked yet");
  }

  get healthy(): boolean {
    return [...this.#problems.values()].every((problem) => problem === undefined);
  }

  /** For `/live` and `/ready`: one object a part, with what is wrong if anything is. */
  get details(): Readonly<Record<string, { readonly error?: string }>> {
    return Object.fromEntries(
      [...this.#problems].map(([name, error]) => [name, error === undefined ? {} : { error }]),
    );
  }

  /** Asks all parts now. */
  async checkAll(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#checks.map((check) => this.#ask(check, signal)));
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.checkAll(signal);
      await this.#clock.sleep(this.healthy ? afterwardsMs : untilReadyMs, { signal });
    }
  }

  async #ask({ name, check }: HealthCheck, signal: AbortSignal): Promise<void> {
    const before = this.#problems.get(name);
    try {
      await check(signal);
      this.#problems.set(name, undefined);
    } catch (error) {
      if (signal.aborted) return;
      const { message } = StatusError.from(error);
      this.#problems.set(name, message);
      if (message !== before) this.#logger.warn("Health check failed", { check: name, error: message });
    }
  }
}
