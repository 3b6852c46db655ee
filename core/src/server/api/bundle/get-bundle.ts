import { toWireBundle } from "../../../kernel/convert/bundle.ts";
import { audit } from "../audit.ts";
import type { BundleCall, BundleService } from "./service.ts";
import { getStoredBundle } from "./stored-bundle.ts";

/** Gets the server's own bundle. Throws NotFound when there is none yet, Internal when the store fails. */
export function getBundle({ store, trustDomain }: BundleService): BundleCall<"getBundle"> {
  return async ({ outputMask }, context) => {
    audit(context, () => ({ trust_domain_id: trustDomain.name }));
    return toWireBundle(await getStoredBundle(store, trustDomain), outputMask);
  };
}
