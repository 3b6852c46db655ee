import { type Clock, Code, type Logger, StatusError } from "@finial/sdk";
import type { RebootstrapPolicy } from "../config/rebootstrap.ts";
import type { AgentData } from "./agent-data.ts";

const patienceMs = 60_000;
const rebootstrapPatienceMs = 24 * 3_600_000;

export interface BootstrapStateOptions {
  readonly data: AgentData;
  readonly policy: RebootstrapPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * How an agent came to trust its server, and whether it may begin anew when it no longer does. Kept in the agent's data,
 * so that a restart does not begin the delay anew.
 */
export class Bootstrap {
  readonly #options: BootstrapStateOptions;
  #mode: RebootstrapPolicy["mode"];

  constructor(options: BootstrapStateOptions) {
    this.#options = options;
    this.#mode = options.policy.mode;
    const { bootstrapUse, bundleDer } = options.data.record;
    if (bootstrapUse === "unspecified")
      options.data.update({ bootstrapUse: bundleDer.length > 0 ? "rebootstrap" : "bootstrap" });
  }

  get mayRebootstrap(): boolean {
    return this.#mode !== "never";
  }

  /** How long to try to reach the server at the start: one that may begin anew waits for the server to come to its senses. */
  get patienceMs(): number {
    return this.mayRebootstrap ? rebootstrapPatienceMs : patienceMs;
  }

  /** An attempt to get a bundle from its source begins. @returns what to tell the source of it. */
  begin(): { readonly mode: string; readonly attempts: number; readonly startedAt: Date } {
    const { data, logger } = this.#options;
    const attempts = data.record.connectionAttempts + 1;
    const startedAt = this.#startedAt();
    data.update({ connectionAttempts: attempts, bootstrapStartedAt: startedAt });
    const again = data.record.bootstrapUse === "rebootstrap";
    logger.info(`Server ${again ? "reattestation" : "attestation"} attempt ${attempts}`, {
      started_at: startedAt.toISOString(),
    });
    return { mode: again ? "rebootstrap" : "bootstrap", attempts, startedAt };
  }

  /** The server is trusted. */
  succeeded(): void {
    const { data } = this.#options;
    if (data.record.bootstrapUse === "rebootstrap" && data.record.bootstrapStartedAt === undefined) return;
    data.update({ bootstrapUse: "rebootstrap", bootstrapStartedAt: undefined, connectionAttempts: 0 });
  }

  /**
   * Turns rebootstrapping off for an agent that cannot attest again.
   *
   * @throws {StatusError} FailedPrecondition `NOT_REATTESTABLE` when it was asked for unconditionally.
   */
  checkReattestable(reattestable: boolean): void {
    if (reattestable || this.#mode === "never") return;
    const message =
      "you have requested rebootstrap support but the NodeAttestor plugin or the spire server configuration is not allowing it";
    if (this.#mode === "always") throw new StatusError(Code.FailedPrecondition, "NOT_REATTESTABLE", message);
    this.#options.logger.warn(`${message}. Disabling`);
    this.#mode = "never";
  }

  /** While attesting: the bundle in the data is not the server's; forgotten after the delay, so that the source is asked again. */
  unknownWhileAttesting(): void {
    const { data, logger } = this.#options;
    if (data.record.bootstrapUse !== "rebootstrap") {
      logger.info("Trust Bundle and Server don't agree, bootstrapping again");
      return;
    }
    if (!this.mayRebootstrap || this.#leftMs() > 0) return;
    logger.warn("Trust Bundle and Server don't agree, rebootstrapping");
    data.update({ bundleDer: [] });
  }

  /**
   * While serving: as above, but the agent has to start anew.
   *
   * @throws {StatusError} the error when the agent may not begin anew; FailedPrecondition `REBOOTSTRAP` when it is to.
   */
  unknownWhileServing(error: StatusError): void {
    const { data, logger } = this.#options;
    if (!this.mayRebootstrap) {
      logger.info("Synchronize failed, non-recoverable error", { error: error.message });
      throw error.prefixed("failed to sync with SPIRE Server: ");
    }
    if (this.#leftMs() > 0) return;
    logger.warn("Trust Bundle and Server don't agree, rebootstrapping");
    data.update({
      chainDer: [],
      reattestable: false,
      bundleDer: [],
      bootstrapUse: "rebootstrap",
      bootstrapStartedAt: this.#options.clock.now(),
      connectionAttempts: 0,
    });
    throw new StatusError(Code.FailedPrecondition, "REBOOTSTRAP", "shutting down for rebootstrapping");
  }

  /** How long it may still be a passing disagreement. */
  #leftMs(): number {
    const { clock, policy, logger } = this.#options;
    const leftMs = this.#startedAt().getTime() + policy.delayMs - clock.now().getTime();
    if (leftMs > 0)
      logger.info("Trust Bundle and Server don't agree, ignoring for now", {
        time_left: `${leftMs / 1000}s`,
      });
    return leftMs;
  }

  #startedAt(): Date {
    const { data, clock } = this.#options;
    const started = data.record.bootstrapStartedAt;
    if (started !== undefined) return started;
    const now = clock.now();
    data.update({ bootstrapStartedAt: now });
    return now;
  }
}
