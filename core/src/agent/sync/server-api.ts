import type { Bundle, TrustDomain } from "@finial/sdk/spiffe";
import type { AuthorizedEntry } from "../cache/authorized-entry.ts";
import type { IssuedJwtSvid } from "../cache/jwt-svid-cache.ts";

/** Entries by ID. */
export type EntriesById = ReadonlyMap<string, AuthorizedEntry>;

export interface CallSignal {
  readonly signal: AbortSignal;
}

/** What an attested agent asks of its server. Each call fails with the server's status, or Unavailable. */
export interface ServerApi {
  /** All entries the agent is authorized for; of those in `known` that did not change, only revisions are sent. */
  syncEntries(known: EntriesById, options: CallSignal): Promise<EntriesById>;
  /** The same, all sent anew: for servers that cannot sync. */
  getEntries(options: CallSignal): Promise<EntriesById>;
  /** The bundle of the agent's own trust domain; undefined when the server's is malformed, which is logged. */
  findBundle(options: CallSignal): Promise<Bundle | undefined>;
  /** Undefined when the server does not have it, or has it only malformed, which is logged. */
  findFederatedBundle(trustDomain: TrustDomain, options: CallSignal): Promise<Bundle | undefined>;
  /**
   * @param requests at most 500.
   * @returns chains, leaf first, by entry ID; an entry whose SVID was refused is absent, and the refusal logged.
   */
  newX509Svids(
    requests: readonly { readonly entryId: string; readonly csrDer: Buffer }[],
    options: CallSignal,
  ): Promise<ReadonlyMap<string, readonly Buffer[]>>;
  newJwtSvid(
    request: { readonly entryId: string; readonly audience: readonly string[]; readonly timeoutMs: number },
    options: CallSignal,
  ): Promise<IssuedJwtSvid>;
  postStatus(agentVersion: string, options: CallSignal): Promise<void>;
  /** @returns the agent's new chain, leaf first. */
  renewAgent(csrDer: Buffer, options: CallSignal): Promise<readonly Buffer[]>;
}
