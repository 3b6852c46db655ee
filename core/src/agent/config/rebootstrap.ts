import { parseDurationMs } from "@finial/sdk/hcl";
import { invalid } from "../../kernel/config/invalid.ts";

/** Whether an agent that no longer trusts its server begins anew, and after how long. */
export interface RebootstrapPolicy {
  readonly mode: "never" | "auto" | "always";
  readonly delayMs: number;
}

const defaultDelayMs = 600_000;

/** @param delay a Go duration, or its milliseconds. */
export function readRebootstrapPolicy(
  mode: string | undefined,
  delay: string | number | undefined,
  insecureBootstrap: boolean,
): RebootstrapPolicy {
  const chosen = mode || "never";
  if (chosen !== "never" && chosen !== "auto" && chosen !== "always")
    throw invalid(`unknown rebootstrap mode specified: ${mode}; it is one of never, auto and always`);
  if (chosen !== "never" && insecureBootstrap)
    throw invalid("insecure_bootstrap option can not be used with rebootstrapping");
  const delayMs = typeof delay === "string" ? parseDurationMs(delay) : (delay ?? defaultDelayMs);
  if (delayMs === undefined)
    throw invalid(`error parsing rebootstrap delay duration: "${delay}" is not a duration such as "10m"`);
  return { mode: chosen, delayMs };
}
