import type { Logger } from "@finial/sdk";
import { Bench } from "./bench.ts";
import { type Check, type CheckResult, runCheck } from "./check.ts";
import type { ContractMaterial } from "./contract.ts";
import { contractChecks } from "./contract-checks.ts";
import { endingChecks } from "./ending-checks.ts";
import { handshakeChecks } from "./handshake-checks.ts";
import type { Lab } from "./lab.ts";
import { robustnessChecks } from "./robustness-checks.ts";
import { serviceChecks } from "./service-checks.ts";

export interface KitOptions extends ContractMaterial {
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Runs all checks in their order, and gives each result as soon as it is there. */
export async function* runKit(lab: Lab, options: KitOptions): AsyncGenerator<CheckResult> {
  await using bench = new Bench(lab);
  const stages: readonly (() => readonly Check[])[] = [
    () => handshakeChecks(bench),
    () => serviceChecks(bench),
    () => contractChecks(bench, options),
    () => robustnessChecks(bench),
    () => endingChecks(bench),
  ];
  let stoppedBy: string | undefined;
  for (const stage of stages)
    for (const check of stage()) {
      options.signal.throwIfAborted();
      const { name, title } = check;
      if (stoppedBy !== undefined) {
        yield { name, title, status: "skipped", durationMs: 0, note: `it needs "${stoppedBy}"` };
        continue;
      }
      const result = await runCheck(check);
      yield result;
      if (result.status === "failed" && check.isNecessary) stoppedBy = check.name;
    }
}
