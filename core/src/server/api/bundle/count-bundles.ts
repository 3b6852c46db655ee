import { Code } from "@finial/sdk";
import { failure } from "../failure.ts";
import type { BundleCall, BundleService } from "./service.ts";

/** Counts all bundles, the server's own included. Throws Internal when the store fails. */
export function countBundles({ store }: BundleService): BundleCall<"countBundles"> {
  return async () => {
    try {
      return { count: await store.countBundles() };
    } catch (error) {
      throw failure(Code.Internal, "BUNDLE_COUNT", "failed to count bundles", error);
    }
  };
}
