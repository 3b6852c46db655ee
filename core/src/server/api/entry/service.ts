import type { EntryDefinition } from "@finial/proto/api/server/entry/v1/entry";
import type { Logger } from "@finial/sdk";
import type { CallContext, Handlers } from "@finial/sdk/internal";
import type { SpiffeId, TrustDomain } from "@finial/sdk/spiffe";
import type { AuthorizedEntries } from "../../entry/authorized-entries.ts";
import type { DataStore } from "../../facade/datastore.ts";

/** What the calls of `spire.api.server.entry.v1.Entry` stand on. */
export interface EntryService {
  readonly store: Pick<
    DataStore,
    "countEntries" | "listEntries" | "findEntry" | "createEntries" | "updateEntry" | "deleteEntry"
  >;
  readonly trustDomain: TrustDomain;
  readonly authorizedEntries: Pick<AuthorizedEntries, "authorizedEntries">;
  /** The SPIFFE ID the caller proved to have; absent for a caller on the local socket. */
  readonly callerId: (context: CallContext) => SpiffeId | undefined;
  readonly logger: Logger;
  /** Entries a message of SyncAuthorizedEntries; 500 as in SPIRE by default. */
  readonly entriesPerPage?: number;
}

/** The handler of one of its calls. */
export type EntryCall<Method extends keyof typeof EntryDefinition.methods> = Handlers<
  typeof EntryDefinition
>[Method];
