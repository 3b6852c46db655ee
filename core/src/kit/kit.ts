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
  /** Only the checks whose names begin with this, and those that the others need; "" for all. */
  readonly only: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Runs all checks in their order, up to one without which the rest cannot be, and gives each result as soon as it is there. */
export async function* runKit(lab: Lab, options: KitOptions): AsyncGenerator<CheckResult> {
  await using bench = new Bench(lab);
  const stages: readonly (() => readonly Check[])[] = [
    () => handshakeChecks(bench),
    () => serviceChecks(bench),
    () => contractChecks(bench, options),
    () => robustnessChecks(bench),
    () => endingChecks(bench),
  ];
  for (const stage of stages)
    for (const check of stage()) {
      if (!check.isNecessary && !check.name.startsWith(options.only)) continue;
      options.signal.throwIfAborted();
      const result = await runCheck(check);
      yield result;
      if (result.isLast) return;
    }
}
