import type { CallContext } from "@finial/sdk/internal";
import type { Bundle } from "@finial/sdk/spiffe";
import type { LimitedMethod, WorkloadApiNeeds } from "./needs.ts";
import { noIdentity } from "./no-identity.ts";

export interface BundleStreamNeeds extends WorkloadApiNeeds {
  /** Callers without an identity get the bundle of the agent's own trust domain, too. */
  readonly allowUnauthenticatedVerifiers: boolean;
}

/**
 * The bundles a caller may verify with, encoded, by trust domain ID; again after each change of any of them.
 *
 * Ends with PermissionDenied when the caller has no identity and needs one.
 */
export async function* streamBundles(
  { attest, workloads, allowUnauthenticatedVerifiers }: BundleStreamNeeds,
  { context, method }: { readonly context: CallContext; readonly method: LimitedMethod },
  encode: (bundle: Bundle) => Buffer,
): AsyncIterable<{ readonly bundles: Record<string, Buffer> }> {
  const selectors = await attest(context, method);
  let last: Record<string, Buffer> = {};
  for await (const update of workloads.subscribe(selectors, { signal: context.signal })) {
    if (update.identities.length === 0 && !allowUnauthenticatedVerifiers) throw noIdentity();
    const bundles = Object.fromEntries(
      [update.bundle, ...update.federatedBundles.values()].map((bundle) => [
        bundle.trustDomain.idText,
        encode(bundle),
      ]),
    );
    if (!isSame(last, bundles)) yield { bundles };
    last = bundles;
  }
}

function isSame(one: Record<string, Buffer>, other: Record<string, Buffer>): boolean {
  const names = Object.keys(other);
  return (
    names.length === Object.keys(one).length &&
    names.every((name) => one[name]?.equals(other[name] as Buffer))
  );
}
