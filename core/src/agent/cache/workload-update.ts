import type { Certificate } from "@finial/sdk/crypto";
import type { Bundle } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "./authorized-entry.ts";

/** An X.509-SVID with its key, as the cache keeps it. */
export interface CachedX509Svid {
  readonly leaf: Certificate;
  /** Leaf first. */
  readonly chainDer: readonly Buffer[];
  readonly keyPkcs8Der: Buffer;
}

/** A workload's entry with the SVID that was issued for it. */
export interface Identity {
  readonly entry: AuthorizedEntry;
  readonly svid: CachedX509Svid;
}

/** All that a workload may know at one time. */
export interface WorkloadUpdate {
  /** In the order of entry IDs. */
  readonly identities: readonly Identity[];
  /** Of the agent's trust domain. */
  readonly bundle: Bundle;
  /** Those that the workload's entries federate with, by the trust domain's name. */
  readonly federatedBundles: ReadonlyMap<string, Bundle>;
}
