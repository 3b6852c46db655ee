import type { Decoded } from "@finial/sdk/hcl";
import { type MissingFeature, setKey } from "../../kernel/config/feature.ts";
import type { serverFields } from "./server-block.ts";

/** Which of the keys that are set ask for what this version does not have. */
export function missingFeatures(
  server: Decoded<typeof serverFields>,
  telemetrySinks: readonly string[],
): readonly MissingFeature[] {
  const { experimental, federation } = server;
  return [
    ...setKey("server.experimental.auth_opa_policy_engine", experimental?.auth_opa_policy_engine, "refuse"),
    ...setKey("server.experimental.require_pq_kem", experimental?.require_pq_kem, "refuse"),
    ...setKey("server.experimental.feature_flags", experimental?.feature_flags, "refuse"),
    ...setKey("server.federation.bundle_endpoint", federation?.bundle_endpoint, "refuse"),
    ...setKey("server.federation.federates_with", federation?.federates_with, "refuse"),
    ...setKey("server.proxy_protocol_trusted_cidrs", server.proxy_protocol_trusted_cidrs, "refuse"),
    ...setKey("server.experimental.wit_key_type", experimental?.wit_key_type, "warn"),
    ...setKey("server.experimental.wit_issuer", experimental?.wit_issuer, "warn"),
    ...setKey("server.profiling_enabled", server.profiling_enabled, "warn"),
    ...setKey("server.log_source_location", server.log_source_location, "warn"),
    ...telemetrySinks.map((sink): MissingFeature => ({ key: `telemetry.${sink}`, effect: "warn" })),
  ];
}
