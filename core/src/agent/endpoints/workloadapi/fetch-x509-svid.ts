import type { SpiffeWorkloadAPIDefinition, X509SVIDResponse } from "@finial/proto/workload/workload";
import type { Handlers } from "@finial/sdk/internal";
import type { WorkloadUpdate } from "../../cache/workload-update.ts";
import { withDistinctHints } from "../../workload/distinct-hints.ts";
import type { WorkloadApiNeeds } from "./needs.ts";
import { noIdentity } from "./no-identity.ts";
import { encodeX509Authorities } from "./x509-encoding.ts";

/**
 * Sends the caller's X.509-SVIDs with their keys and bundles, and all of them again after each change.
 *
 * Ends with PermissionDenied as soon as there is none.
 *
 * @see SPIFFE Workload API, section 5.2.1
 */
export function makeFetchX509Svid({
  attest,
  workloads,
}: WorkloadApiNeeds): Handlers<typeof SpiffeWorkloadAPIDefinition>["fetchX509SVID"] {
  return async function* (_, context) {
    const { signal } = context;
    const selectors = await attest(context, "FetchX509SVID");
    for await (const update of workloads.subscribe(selectors, { signal })) yield toX509SvidResponse(update);
  };
}

/** @throws {StatusError} PermissionDenied `NO_IDENTITY`. */
export function toX509SvidResponse({
  identities,
  bundle,
  federatedBundles,
}: WorkloadUpdate): X509SVIDResponse {
  if (identities.length === 0) throw noIdentity();
  return {
    svids: withDistinctHints(identities, ({ entry }) => entry).map(({ entry, svid }) => ({
      spiffeId: entry.spiffeId.toString(),
      x509Svid: Buffer.concat(svid.chainDer),
      x509SvidKey: svid.keyPkcs8Der,
      bundle: encodeX509Authorities(bundle),
      hint: entry.hint,
    })),
    crl: [],
    federatedBundles: Object.fromEntries(
      [...federatedBundles.values()].map((other) => [other.trustDomain.idText, encodeX509Authorities(other)]),
    ),
  };
}
