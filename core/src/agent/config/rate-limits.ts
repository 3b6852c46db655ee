import type { Decoded } from "@finial/sdk/hcl";
import { invalid } from "../../kernel/config/invalid.ts";
import type { agentFields } from "./agent-block.ts";

/** Calls a second that callers of the same selectors may make; 0 means as many as they like. */
export interface WorkloadRateLimits {
  readonly fetchX509Svid: number;
  readonly fetchJwtSvid: number;
  readonly fetchX509Bundles: number;
  readonly fetchJwtBundles: number;
  readonly streamSecrets: number;
  readonly fetchSecrets: number;
}

type RateLimitBlock = NonNullable<NonNullable<Decoded<typeof agentFields>["experimental"]>["ratelimit"]>;

/** @throws {StatusError} InvalidArgument for a negative one. */
export function readRateLimits(block: RateLimitBlock | undefined): WorkloadRateLimits {
  const limit = (key: keyof RateLimitBlock): number => {
    const value = block?.[key] ?? 0;
    if (value < 0) throw invalid(`experimental.ratelimit.${key} must not be negative`);
    return value;
  };
  return {
    fetchX509Svid: limit("fetch_x509_svid"),
    fetchJwtSvid: limit("fetch_jwt_svid"),
    fetchX509Bundles: limit("fetch_x509_bundles"),
    fetchJwtBundles: limit("fetch_jwt_bundles"),
    streamSecrets: limit("stream_secrets"),
    fetchSecrets: limit("fetch_secrets"),
  };
}
