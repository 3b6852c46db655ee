import type { BundleDefinition } from "@finial/proto/api/server/bundle/v1/bundle";
import type { Logger } from "@finial/sdk";
import type { CallContext, Handlers } from "@finial/sdk/internal";
import type { JwtAuthority, TrustDomain } from "@finial/sdk/spiffe";
import type { DataStore } from "../../facade/datastore.ts";

/** What the calls of `spire.api.server.bundle.v1.Bundle` stand on. */
export interface BundleService {
  readonly store: Pick<
    DataStore,
    | "countBundles"
    | "findBundle"
    | "listBundles"
    | "appendBundle"
    | "createBundle"
    | "updateBundle"
    | "setBundle"
    | "deleteBundle"
  >;
  readonly trustDomain: TrustDomain;
  /** Adds a downstream server's key to the trust domain, as far up as it goes; all keys known then. */
  readonly publishJwtKey: (key: JwtAuthority) => Promise<readonly JwtAuthority[]>;
  /** Resolves when the caller may do this much now; throws ResourceExhausted. */
  readonly rateLimit: (context: CallContext, count: number) => Promise<void>;
  readonly logger: Logger;
}

/** The handler of one of its calls. */
export type BundleCall<Method extends keyof typeof BundleDefinition.methods> = Handlers<
  typeof BundleDefinition
>[Method];
