import type { Bundle } from "@finial/sdk/spiffe";
import type { BundleCache } from "../cache/bundle-cache.ts";
import type { Identity } from "../cache/workload-update.ts";
import type { X509SvidToStore } from "../facade/svidstore.ts";

/** An identity with the bundles that go with it, as of now; a federated bundle that is not there is left out. */
export function toX509SvidToStore(
  { entry, svid }: Identity,
  metadata: readonly string[],
  bundles: BundleCache,
): X509SvidToStore {
  const { own } = bundles;
  const federated = new Map<string, Buffer>();
  for (const trustDomain of entry.federatesWith) {
    const bundle = bundles.find(trustDomain);
    if (bundle !== undefined && bundle !== own)
      federated.set(trustDomain.idText, Buffer.concat(authoritiesOf(bundle)));
  }
  return {
    spiffeId: entry.spiffeId.toString(),
    certificateChainDer: svid.chainDer,
    privateKeyPkcs8Der: svid.keyPkcs8Der,
    bundleDer: authoritiesOf(own),
    expiresAt: svid.leaf.notAfter,
    metadata,
    federatedBundlesDer: federated,
  };
}

function authoritiesOf({ x509Authorities }: Bundle): readonly Buffer[] {
  return x509Authorities.map(({ certificateDer }) => certificateDer);
}
