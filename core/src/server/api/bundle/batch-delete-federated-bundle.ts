import { BatchDeleteFederatedBundleRequest_Mode } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Status } from "@finial/proto/api/types/status";
import { Code, StatusError } from "@finial/sdk";
import { okStatus } from "../../../kernel/convert/status.ts";
import type { BundleDeleteMode } from "../../facade/datastore.ts";
import { auditItem } from "../audit.ts";
import { failure, itemFailure } from "../failure.ts";
import { parseForeignTrustDomain } from "./federated-bundle.ts";
import type { BundleCall, BundleService } from "./service.ts";

const modes: { readonly [wire: number]: BundleDeleteMode } = {
  [BatchDeleteFederatedBundleRequest_Mode.RESTRICT]: "restrict",
  [BatchDeleteFederatedBundleRequest_Mode.DELETE]: "delete",
  [BatchDeleteFederatedBundleRequest_Mode.DISSOCIATE]: "dissociate",
};

/**
 * Deletes bundles of other trust domains, answering one status each: InvalidArgument for a malformed or the server's own
 * trust domain, NotFound when there is none, else what the store says, such as FailedPrecondition when entries federate
 * with it and the mode is RESTRICT.
 *
 * Throws InvalidArgument for an unknown mode.
 */
export function batchDeleteFederatedBundle(service: BundleService): BundleCall<"batchDeleteFederatedBundle"> {
  return async ({ trustDomains, mode: wireMode }, context) => {
    const mode = parseMode(wireMode);
    const results: { status: Status; trustDomain: string }[] = [];
    for (const trustDomain of trustDomains) {
      const status = await deleteOne(service, trustDomain, mode);
      auditItem(context, status, () => ({ trust_domain_id: trustDomain, mode }));
      results.push({ status, trustDomain });
    }
    return { results };
  };
}

function parseMode(wire: number): BundleDeleteMode {
  const mode = modes[wire];
  if (mode !== undefined) return mode;
  const what = `failed to parse deletion mode: unhandled delete mode "${wire}"`;
  throw failure(Code.InvalidArgument, "BUNDLE_DELETE_MODE", what);
}

async function deleteOne(
  { store, trustDomain: own, logger }: BundleService,
  name: string,
  mode: BundleDeleteMode,
): Promise<Status> {
  try {
    const trustDomain = parseForeignTrustDomain(name, own, "removing the bundle for the server trust domain");
    await store.deleteBundle(trustDomain, mode).catch((error: unknown) => {
      throw refused(error);
    });
    return okStatus;
  } catch (error) {
    const fields = { trust_domain_id: name, delete_federated_bundle_mode: mode };
    return itemFailure(logger, StatusError.from(error), fields);
  }
}

function refused(error: unknown): StatusError {
  const { code } = StatusError.from(error);
  return code === Code.NotFound
    ? failure(Code.NotFound, "BUNDLE_NOT_FOUND", "bundle not found")
    : failure(code, "BUNDLE_DELETE", "failed to delete federated bundle", error);
}
