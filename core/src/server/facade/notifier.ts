import type { Bundle } from "@finial/sdk/spiffe";

/** What the server asks of a Notifier. */
export interface Notifier {
  readonly name: string;
  /** At start; an error stops the server. */
  bundleLoaded(bundle: Bundle): Promise<void>;
  bundleUpdated(bundle: Bundle): Promise<void>;
}
