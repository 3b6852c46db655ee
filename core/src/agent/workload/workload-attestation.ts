import { Code, type Logger, StatusError } from "@finial/sdk";
import type { Selector } from "@finial/sdk/spiffe";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import type { WorkloadAttestor } from "../facade/workloadattestor.ts";

export interface WorkloadAttestationOptions {
  readonly attestors: readonly WorkloadAttestor[];
  readonly logger: Logger;
}

/** Finds out what a process is, by asking every attestor at once. */
export class WorkloadAttestation {
  readonly #options: WorkloadAttestationOptions;

  constructor(options: WorkloadAttestationOptions) {
    this.#options = options;
  }

  /**
   * The selectors of all attestors; those that failed are logged and count for nothing.
   *
   * @param process pinned when it connected: what the attestors saw counts only if it still lives afterwards, and its pid is no
   *   other's by now.
   * @throws {StatusError} Unavailable `ATTESTATION_FAILED` when all attestors failed; Unauthenticated `CALLER_GONE` and `CALLER_UNKNOWN`; Cancelled.
   */
  async attest(
    process: Pick<PeerProcess, "pid" | "isAlive">,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly Selector[]> {
    const { attestors, logger } = this.#options;
    const { pid } = process;
    if (pid === 0)
      throw new StatusError(
        Code.Unauthenticated,
        "CALLER_UNKNOWN",
        "could not resolve caller information: the process is in a pid namespace that cannot be seen from here",
      );
    const results = await Promise.allSettled(attestors.map((attestor) => attestor.attest(pid, { signal })));
    const selectors: Selector[] = [];
    const failures: string[] = [];
    for (const [index, result] of results.entries()) {
      if (result.status === "fulfilled") {
        selectors.push(...result.value);
        continue;
      }
      if (signal.aborted) throw StatusError.from(result.reason);
      const message = `workload attestor "${attestors[index]?.name}" failed`;
      const error = StatusError.from(result.reason).message;
      logger.error(message, { pid, error });
      failures.push(`${message}: ${error}`);
    }
    if (failures.length === attestors.length && failures.length > 0)
      throw new StatusError(Code.Unavailable, "ATTESTATION_FAILED", "workload attestation failed", {
        cause: new Error(failures.join("; ")),
      });
    if (!process.isAlive())
      throw new StatusError(
        Code.Unauthenticated,
        "CALLER_GONE",
        "could not verify existence of the original caller: the process has ended",
      );
    logger.debug("PID attested", { pid, selector_count: selectors.length });
    return selectors;
  }
}
