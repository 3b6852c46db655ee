import type { Decoded } from "@finial/sdk/hcl";
import { type MissingFeature, setKey } from "../../kernel/config/feature.ts";
import type { agentFields } from "./agent-block.ts";

/** Which of the keys that are set ask for what this version does not have. */
export function missingFeatures(
  agent: Decoded<typeof agentFields>,
  telemetrySinks: readonly string[],
): readonly MissingFeature[] {
  const { experimental } = agent;
  return [
    ...setKey("agent.experimental.broker", experimental?.broker, "refuse"),
    ...setKey("agent.experimental.require_pq_kem", experimental?.require_pq_kem, "refuse"),
    ...setKey("agent.experimental.feature_flags", experimental?.feature_flags, "refuse"),
    ...setKey("agent.authorized_delegates", agent.authorized_delegates, "warn"),
    ...setKey("agent.sds", agent.sds, "warn"),
    ...setKey("agent.profiling_enabled", agent.profiling_enabled, "warn"),
    ...setKey("agent.log_source_location", agent.log_source_location, "warn"),
    ...telemetrySinks.map((sink): MissingFeature => ({ key: `telemetry.${sink}`, effect: "warn" })),
  ];
}
