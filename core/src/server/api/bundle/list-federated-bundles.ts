import { Code } from "@finial/sdk";
import { toWireBundle } from "../../../kernel/convert/bundle.ts";
import { failure } from "../failure.ts";
import type { BundleCall, BundleService } from "./service.ts";

/**
 * Lists the bundles of other trust domains; all at once when no page size is given. The server's own bundle counts
 * towards the page it would have been on.
 *
 * Throws Internal when the store fails or does not know the page token.
 */
export function listFederatedBundles({
  store,
  trustDomain,
}: BundleService): BundleCall<"listFederatedBundles"> {
  return async ({ pageSize, pageToken, outputMask }) => {
    try {
      const page = pageSize > 0 ? { size: pageSize, token: pageToken } : undefined;
      const { items, nextToken } = await store.listBundles(page);
      const foreign = items.filter((bundle) => !bundle.trustDomain.equals(trustDomain));
      return { bundles: foreign.map((bundle) => toWireBundle(bundle, outputMask)), nextPageToken: nextToken };
    } catch (error) {
      throw failure(Code.Internal, "BUNDLE_LIST", "failed to list bundles", error);
    }
  };
}
