import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import { within } from "../lifecycle/within.ts";

const untilReadyMs = 1000;
const afterwardsMs = 60_000;
/** A part that says nothing for so long is not well. */
const answerLimitMs = 10_000;

/** One part of a daemon that can say how it does. */
export interface HealthCheck {
  readonly name: string;
  /** Throws what is wrong. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** For a part that mends itself, and says itself what is wrong: the daemon is not ready then, and lives. */
  readonly readinessOnly?: boolean;
}

/** How the parts of a daemon were when last asked: every second until all are well, then every minute. */
export class HealthChecks {
  readonly #checks: readonly HealthCheck[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By name: what is wrong, undefined when nothing is. */
  readonly #problems = new Map<string, string | undefined>();
  /** Ends the rest between two rounds. */
  #wake = (): void => {};

  constructor(checks: readonly HealthCheck[], options: { readonly clock: Clock; readonly logger: Logger }) {
    this.#checks = checks;
    this.#clock = options.clock;
    this.#logger = options.logger;
    for (const { name } of checks) this.#problems.set(name, notCheckedYet);
  }

  /** Whether the daemon does all its work. */
  get ready(): boolean {
    return this.#areWell(this.#checks);
  }

  /** Whether nothing is wrong that a restart of the daemon could mend. */
  get live(): boolean {
    return this.#areWell(this.#checks.filter(({ readinessOnly = false }) => !readinessOnly));
  }

  #areWell(checks: readonly HealthCheck[]): boolean {
    return checks.every(({ name }) => this.#problems.get(name) === undefined);
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

  /** Has all parts asked soon, as something has changed. */
  recheck(): void {
    this.#wake();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await this.checkAll(signal);
      const rest = AbortSignal.any([signal, woken.signal]);
      try {
        await this.#clock.sleep(this.ready ? afterwardsMs : untilReadyMs, { signal: rest });
      } catch (error) {
        if (!woken.signal.aborted || signal.aborted) throw error;
      }
    }
  }

  async #ask({ name, check, readinessOnly = false }: HealthCheck, signal: AbortSignal): Promise<void> {
    const problem = await this.#problemOf(check, signal);
    if (signal.aborted) return;
    const before = this.#problems.get(name);
    this.#problems.set(name, problem);
    if (problem === before || readinessOnly) return;
    if (problem !== undefined) this.#logger.warn("Health check failed", { check: name, error: problem });
    else if (before !== notCheckedYet)
      this.#logger.info("Health check recovered", { check: name, error: before });
  }

  async #problemOf(check: HealthCheck["check"], signal: AbortSignal): Promise<string | undefined> {
    const limit = new AbortController();
    try {
      const asked = check(AbortSignal.any([signal, limit.signal])).then(() => true);
      if (await within(asked, answerLimitMs, { clock: this.#clock, signal })) return undefined;
      throw new StatusError(
        Code.DeadlineExceeded,
        "HEALTH_CHECK_TIMEOUT",
        `no answer within ${answerLimitMs / 1000} s`,
      );
    } catch (error) {
      return StatusError.from(error).message;
    } finally {
      limit.abort();
    }
  }
}

const notCheckedYet = "not checked yet";
