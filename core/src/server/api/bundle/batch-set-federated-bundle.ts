import { Code } from "@finial/sdk";
import { failure } from "../failure.ts";
import type { BundleCall, BundleService } from "./service.ts";
import { writeBundles } from "./write-bundles.ts";

/**
 * Creates or replaces bundles of other trust domains, answering one status each: InvalidArgument for a malformed one or
 * the server's own trust domain, Internal when the store fails.
 */
export function batchSetFederatedBundle(service: BundleService): BundleCall<"batchSetFederatedBundle"> {
  return ({ bundle, outputMask }, context) =>
    writeBundles(
      service,
      bundle,
      {
        doing: "setting a federated bundle",
        write: (item) => service.store.setBundle(item),
        refuse: (error) => failure(Code.Internal, "BUNDLE_SET", "failed to set bundle", error),
        outputMask,
      },
      context,
    );
}
