import type { SpiffeWorkloadAPIDefinition } from "@finial/proto/workload/workload";
import type { Handlers } from "@finial/sdk/internal";
import { type BundleStreamNeeds, streamBundles } from "./bundle-stream.ts";
import { encodeX509Authorities } from "./x509-encoding.ts";

/**
 * Sends the X.509 authorities the caller may verify with.
 *
 * @see SPIFFE Workload API, section 5.2.2
 */
export function makeFetchX509Bundles(
  needs: BundleStreamNeeds,
): Handlers<typeof SpiffeWorkloadAPIDefinition>["fetchX509Bundles"] {
  return async function* (_, context) {
    yield* streamBundles(needs, { context, method: "FetchX509Bundles" }, encodeX509Authorities);
  };
}
