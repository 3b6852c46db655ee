import type { Decoded } from "@finial/sdk/hcl";
import type { agentFields } from "./agent-block.ts";

/** Sentences about what is allowed, and better not used. */
export function agentWarnings({ experimental, sds }: Decoded<typeof agentFields>): readonly string[] {
  const bundleName = sds?.default_bundle_name || "ROOTCA";
  const allBundlesName = sds?.default_all_bundles_name || "ALL";
  return [
    ...(experimental?.jwt_svid_cache_hit_timeout === undefined
      ? []
      : ["The use of 'jwt_svid_cache_hit_timeout' is experimental"]),
    ...(experimental?.use_sync_authorized_entries === undefined
      ? []
      : ["The 'use_sync_authorized_entries' configuration is deprecated"]),
    ...(bundleName === allBundlesName
      ? [
          'The "default_bundle_name" and "default_all_bundles_name" configurables have the same value: "default_all_bundles_name" will be ignored',
        ]
      : []),
    ...(experimental === undefined ? [] : ["Experimental features have been enabled"]),
  ];
}
