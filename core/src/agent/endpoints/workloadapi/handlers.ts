import type { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import type { Handlers } from "@finial/sdk/internal";
import type { BundleStreamNeeds } from "./bundle-stream.ts";
import { makeFetchJwtBundles } from "./fetch-jwt-bundles.ts";
import { makeFetchJwtSvid } from "./fetch-jwt-svid.ts";
import { makeFetchX509Bundles } from "./fetch-x509-bundles.ts";
import { makeFetchX509Svid } from "./fetch-x509-svid.ts";
import { makeValidateJwtSvid, type ValidateJwtSvidNeeds } from "./validate-jwt-svid.ts";

/** The SPIFFE Workload API's X.509-SVID and JWT-SVID profiles; the WIT-SVID profile is not implemented, as in SPIRE. */
export function makeWorkloadApiHandlers(
  needs: BundleStreamNeeds & ValidateJwtSvidNeeds,
): Partial<Handlers<typeof SpiffeWorkloadAPIDefinition>> {
  return {
    fetchX509SVID: makeFetchX509Svid(needs),
    fetchX509Bundles: makeFetchX509Bundles(needs),
    fetchJWTSVID: makeFetchJwtSvid(needs),
    fetchJWTBundles: makeFetchJwtBundles(needs),
    validateJWTSVID: makeValidateJwtSvid(needs),
  };
}
