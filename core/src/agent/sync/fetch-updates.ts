import { Code, StatusError } from "@finial/sdk";
import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { CallSignal, EntriesById, ServerApi } from "./server-api.ts";

/** Federated bundles asked for at once. */
const maxFetches = 10;

/** All that a sync brings. */
export interface Updates {
  readonly entries: EntriesById;
  /** The own one, and those the entries federate with, as far as the server has them. */
  readonly bundles: readonly Bundle[];
}

/** The entries the agent is authorized for, and the bundles that go with them. */
export async function fetchUpdates(
  api: ServerApi,
  known: EntriesById,
  options: CallSignal & { readonly useSync: boolean; readonly trustDomain: TrustDomain },
): Promise<Updates> {
  const entries = options.useSync ? await syncOrGet(api, known, options) : await api.getEntries(options);
  const federated = new Map<string, TrustDomain>();
  for (const { federatesWith } of entries.values())
    for (const trustDomain of federatesWith) federated.set(trustDomain.name, trustDomain);
  federated.delete(options.trustDomain.name);
  const own = await api.findBundle(options);
  const others = await fetchFederated(api, [...federated.values()], options);
  return { entries, bundles: own === undefined ? others : [own, ...others] };
}

/** Servers before SyncAuthorizedEntries say that they do not implement it. */
async function syncOrGet(api: ServerApi, known: EntriesById, options: CallSignal): Promise<EntriesById> {
  try {
    return await api.syncEntries(known, options);
  } catch (error) {
    if (StatusError.from(error).code !== Code.Unimplemented) throw error;
    return await api.getEntries(options);
  }
}

async function fetchFederated(
  api: ServerApi,
  trustDomains: readonly TrustDomain[],
  options: CallSignal,
): Promise<readonly Bundle[]> {
  const found: Bundle[] = [];
  for (let start = 0; start < trustDomains.length; start += maxFetches) {
    const some = trustDomains.slice(start, start + maxFetches);
    const bundles = await Promise.all(
      some.map((trustDomain) => api.findFederatedBundle(trustDomain, options)),
    );
    // A bundle of another trust domain than was asked for would be believed in its place.
    for (const [index, bundle] of bundles.entries())
      if (bundle?.trustDomain.name === some[index]?.name && bundle !== undefined) found.push(bundle);
  }
  return found;
}
