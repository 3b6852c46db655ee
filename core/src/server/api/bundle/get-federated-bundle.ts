import { toWireBundle } from "../../../kernel/convert/bundle.ts";
import { audit } from "../audit.ts";
import { parseForeignTrustDomain } from "./federated-bundle.ts";
import type { BundleCall, BundleService } from "./service.ts";
import { getStoredBundle } from "./stored-bundle.ts";

/**
 * Gets another trust domain's bundle.
 *
 * Throws InvalidArgument for a malformed or the server's own trust domain, NotFound when there is no bundle of it,
 * Internal when the store fails.
 */
export function getFederatedBundle({
  store,
  trustDomain: own,
}: BundleService): BundleCall<"getFederatedBundle"> {
  return async ({ trustDomain, outputMask }, context) => {
    audit(context, () => ({ trust_domain_id: trustDomain }));
    const foreign = parseForeignTrustDomain(
      trustDomain,
      own,
      "getting a federated bundle for the server's own trust domain",
    );
    return toWireBundle(await getStoredBundle(store, foreign), outputMask);
  };
}
