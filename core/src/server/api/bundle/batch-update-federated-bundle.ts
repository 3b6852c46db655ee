import { Code, StatusError } from "@finial/sdk";
import { failure } from "../failure.ts";
import { parseBundleMask } from "./federated-bundle.ts";
import type { BundleCall, BundleService } from "./service.ts";
import { writeBundles } from "./write-bundles.ts";

/**
 * Replaces the masked fields of other trust domains' bundles, answering one status each: InvalidArgument for a malformed
 * one or the server's own trust domain, NotFound when there is none, Internal when the store fails.
 */
export function batchUpdateFederatedBundle(service: BundleService): BundleCall<"batchUpdateFederatedBundle"> {
  return ({ bundle, inputMask, outputMask }, context) =>
    writeBundles(
      service,
      bundle,
      {
        doing: "updating a federated bundle",
        write: (item) => service.store.updateBundle(item, parseBundleMask(inputMask)),
        refuse,
        inputMask,
        outputMask,
      },
      context,
    );
}

function refuse(error: unknown): StatusError {
  return StatusError.from(error).code === Code.NotFound
    ? failure(Code.NotFound, "BUNDLE_NOT_FOUND", "bundle not found")
    : failure(Code.Internal, "BUNDLE_UPDATE", "failed to update bundle", error);
}
