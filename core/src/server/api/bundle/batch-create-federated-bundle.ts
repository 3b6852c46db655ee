import { Code, StatusError } from "@finial/sdk";
import { failure } from "../failure.ts";
import type { BundleCall, BundleService } from "./service.ts";
import { writeBundles } from "./write-bundles.ts";

/**
 * Creates bundles of other trust domains, answering one status each: InvalidArgument for a malformed one or the server's
 * own trust domain, AlreadyExists when there is one, Internal when the store fails.
 */
export function batchCreateFederatedBundle(service: BundleService): BundleCall<"batchCreateFederatedBundle"> {
  return ({ bundle, outputMask }, context) =>
    writeBundles(
      service,
      bundle,
      {
        doing: "creating a federated bundle",
        write: (item) => service.store.createBundle(item),
        refuse,
        outputMask,
      },
      context,
    );
}

function refuse(error: unknown): StatusError {
  return StatusError.from(error).code === Code.AlreadyExists
    ? failure(Code.AlreadyExists, "BUNDLE_EXISTS", "bundle already exists")
    : failure(Code.Internal, "BUNDLE_CREATE", "unable to create bundle", error);
}
