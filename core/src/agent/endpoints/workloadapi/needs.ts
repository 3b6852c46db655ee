import type { CallContext } from "@finial/sdk/internal";
import type { Selector } from "@finial/sdk/spiffe";
import type { WorkloadCache } from "../../cache/workload-cache.ts";
import type { JwtSvidSource } from "../../sync/jwt-svid-source.ts";

/** The Workload API's methods whose callers are limited. */
export type LimitedMethod = "FetchX509SVID" | "FetchX509Bundles" | "FetchJWTSVID" | "FetchJWTBundles";

/** What the Workload API is served from. */
export interface WorkloadApiNeeds {
  /**
   * The caller's selectors, as of now.
   *
   * @param method the one whose limit counts; absent: none does.
   * @throws {StatusError} Unavailable when nothing can be said of the caller, or it calls too often.
   */
  readonly attest: (context: CallContext, method?: LimitedMethod) => Promise<readonly Selector[]>;
  readonly workloads: Pick<WorkloadCache, "subscribe" | "matching" | "snapshot">;
  readonly jwtSvids: Pick<JwtSvidSource, "fetch">;
}
