import type { Decoded } from "@finial/sdk/hcl";
import type { MissingFeature } from "../../kernel/config/feature.ts";
import type { serverFields } from "./server-block.ts";

/** Which of the keys that are set ask for what this version does not have. */
export function missingFeatures(
  server: Decoded<typeof serverFields>,
  telemetrySinks: readonly string[],
): readonly MissingFeature[] {
  const { experimental, federation } = server;
  const set = (key: string, value: unknown, effect: MissingFeature["effect"]): readonly MissingFeature[] =>
    value === undefined || value === false || (Array.isArray(value) && value.length === 0)
      ? []
      : [{ key, effect }];
  return [
    ...set("server.experimental.auth_opa_policy_engine", experimental?.auth_opa_policy_engine, "refuse"),
    ...set("server.experimental.require_pq_kem", experimental?.require_pq_kem, "refuse"),
    ...set("server.experimental.named_pipe_name", experimental?.named_pipe_name, "refuse"),
    ...set("server.experimental.feature_flags", experimental?.feature_flags, "refuse"),
    ...set("server.federation.bundle_endpoint", federation?.bundle_endpoint, "refuse"),
    ...set("server.federation.federates_with", federation?.federates_with, "refuse"),
    ...set("server.proxy_protocol_trusted_cidrs", server.proxy_protocol_trusted_cidrs, "refuse"),
    ...set("server.profiling_enabled", server.profiling_enabled, "warn"),
    ...set("server.log_source_location", server.log_source_location, "warn"),
    ...telemetrySinks.map((sink): MissingFeature => ({ key: `telemetry.${sink}`, effect: "warn" })),
  ];
}
