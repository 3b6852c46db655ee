import type { SVIDDefinition } from "@finial/proto/api/server/svid/v1/svid";
import type { Logger } from "@finial/sdk";
import type { CallContext, Handlers } from "@finial/sdk/internal";
import type { SpiffeId, TrustDomain } from "@finial/sdk/spiffe";
import type { JwtSvidIssuer } from "../../ca/jwt-svid-issuer.ts";
import type { X509SvidIssuer } from "../../ca/x509-svid-issuer.ts";
import type { AuthorizedEntries } from "../../entry/authorized-entries.ts";
import type { DataStore } from "../../facade/datastore.ts";

/** What the calls of `spire.api.server.svid.v1.SVID` stand on. */
export interface SvidService {
  readonly trustDomain: TrustDomain;
  readonly x509: Pick<X509SvidIssuer, "issueToWorkload" | "issueDownstreamCa">;
  /** Absent when JWT-SVIDs are disabled. */
  readonly jwt: Pick<JwtSvidIssuer, "issue"> | undefined;
  readonly authorizedEntries: Pick<AuthorizedEntries, "findAuthorizedEntry">;
  readonly store: Pick<DataStore, "findBundle">;
  /** The SPIFFE ID the caller proved to have; absent for a caller on the local socket. */
  readonly callerId: (context: CallContext) => SpiffeId | undefined;
  /** Resolves when the caller may do this much now; throws ResourceExhausted. */
  readonly rateLimit: (context: CallContext, count: number) => Promise<void>;
  readonly logger: Logger;
}

/** The handler of one of its calls. */
export type SvidCall<Method extends keyof typeof SVIDDefinition.methods> = Handlers<
  typeof SVIDDefinition
>[Method];
