import type { Bundle } from "@finial/sdk/spiffe";

/** What the server asks of a BundlePublisher. Called on every change and every 30 s. */
export interface BundlePublisher {
  readonly name: string;
  publishBundle(bundle: Bundle): Promise<void>;
}
