import { Code } from "@finial/sdk";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import { failure } from "../failure.ts";
import type { BundleService } from "./service.ts";

/**
 * The stored bundle of a trust domain.
 *
 * @throws {StatusError} NotFound when there is none, Internal when the store fails
 */
export async function getStoredBundle(
  store: BundleService["store"],
  trustDomain: TrustDomain,
): Promise<Bundle> {
  let bundle: Bundle | undefined;
  try {
    bundle = await store.findBundle(trustDomain);
  } catch (error) {
    throw failure(Code.Internal, "BUNDLE_FETCH", "failed to fetch bundle", error);
  }
  if (bundle === undefined) throw failure(Code.NotFound, "BUNDLE_NOT_FOUND", "bundle not found");
  return bundle;
}
