import type {
  Bundle,
  JwtAuthority,
  RegistrationEntry,
  Selector,
  SpiffeId,
  TrustDomain,
} from "@finial/sdk/spiffe";

/**
 * How a list of values in a filter is compared with an item's own list: `exact` the same members, `subset` the item has
 * some and all of them are in the filter, `superset` the item has all of the filter's, `any` they share one.
 */
export type MatchBehavior = "exact" | "subset" | "superset" | "any";

/** Asks for one page. `size` at least 1; `token` "" is the first page. Without a page everything is returned. */
export interface PageRequest {
  readonly size: number;
  readonly token: string;
}

/** One page of items; `nextToken` "" means there are no more. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextToken: string;
}

/** All that are given must hold. A list must not be empty (InvalidArgument). */
export interface EntryFilter {
  readonly bySpiffeId?: SpiffeId;
  readonly byParentId?: SpiffeId;
  readonly bySelectors?: { readonly selectors: readonly Selector[]; readonly match: MatchBehavior };
  readonly byFederatesWith?: { readonly trustDomains: readonly TrustDomain[]; readonly match: MatchBehavior };
  readonly byHint?: string;
  readonly byDownstream?: boolean;
}

/** Which fields of an entry an update replaces; absent means all. */
export type EntryMask = ReadonlySet<keyof Omit<RegistrationEntry, "id" | "revisionNumber" | "createdAt">>;

/** A node that has attested. An empty `serialNumber` means banned. Serial numbers are decimal. */
export interface AttestedNode {
  readonly spiffeId: SpiffeId;
  readonly attestationType: string;
  readonly serialNumber: string;
  readonly expiresAt: Date;
  readonly newSerialNumber: string;
  readonly newExpiresAt: Date | undefined;
  readonly canReattest: boolean;
  readonly agentVersion: string;
  /** Empty unless asked for. */
  readonly selectors: readonly Selector[];
}

/** All that are given must hold. A list must not be empty (InvalidArgument). */
export interface NodeFilter {
  readonly byAttestationType?: string;
  readonly byBanned?: boolean;
  readonly byCanReattest?: boolean;
  readonly byExpiresBefore?: Date;
  readonly bySelectors?: { readonly selectors: readonly Selector[]; readonly match: MatchBehavior };
}

export type NodeUpdate = Partial<
  Pick<
    AttestedNode,
    "serialNumber" | "expiresAt" | "newSerialNumber" | "newExpiresAt" | "canReattest" | "agentVersion"
  >
>;

export interface JoinToken {
  readonly token: string;
  readonly expiresAt: Date;
}

export interface FederationRelationship {
  readonly trustDomain: TrustDomain;
  readonly bundleEndpointUrl: string;
  readonly profile:
    | { readonly kind: "https_web" }
    | { readonly kind: "https_spiffe"; readonly endpointSpiffeId: SpiffeId };
}

/** One server's CA journal. `data` is opaque to the store. */
export interface CaJournal {
  /** 0 before the first save. */
  readonly id: number;
  readonly data: Buffer;
  readonly activeX509AuthorityId: string;
  readonly activeJwtAuthorityId: string;
}

/** What becomes of entries that federate with a bundle being deleted. */
export type BundleDeleteMode = "restrict" | "delete" | "dissociate";

/**
 * One change in the store, in commit order. `revision` grows strictly; ids of entries, names of trust domains.
 * A `reset` says from which revision the stream goes on: whoever has not loaded everything as of that revision must do
 * so now. It comes first, and again whenever the plugin lost its place (another database, a restored one).
 */
export type StoreChange = { readonly revision: number } & (
  | { readonly kind: "entry"; readonly entryId: string }
  | { readonly kind: "node"; readonly spiffeId: string }
  | { readonly kind: "bundle"; readonly trustDomain: string }
  | { readonly kind: "federation"; readonly trustDomain: string }
  /** The name of the history from here on. */
  | { readonly kind: "reset"; readonly epoch: string }
);

/** Where a reader of changes has stopped. Revisions are of one history: elsewhere the same number is something else. */
export interface StorePosition {
  /** Of the last `reset` that the reader was given. */
  readonly epoch: string;
  readonly revision: number;
}

/**
 * What the server asks of its DataStore. Every write is durable when its promise resolves.
 *
 * Absent items: `find…` gives undefined; `update…` and `delete…` throw NotFound; `create…` of a taken key throws AlreadyExists
 * unless said otherwise. InvalidArgument for malformed filters or paging, Unavailable when the plugin or its database is away.
 */
export interface DataStore {
  readonly name: string;

  findBundle(trustDomain: TrustDomain): Promise<Bundle | undefined>;
  listBundles(page?: PageRequest): Promise<Page<Bundle>>;
  countBundles(): Promise<number>;
  createBundle(bundle: Bundle): Promise<Bundle>;
  /** Creates or replaces. */
  setBundle(bundle: Bundle): Promise<Bundle>;
  updateBundle(
    bundle: Bundle,
    mask?: ReadonlySet<"x509Authorities" | "jwtAuthorities" | "refreshHintSeconds" | "sequenceNumber">,
  ): Promise<Bundle>;
  /** Adds authorities that are not there yet, raising the sequence number if anything changed; creates the bundle if absent. */
  appendBundle(bundle: Bundle): Promise<Bundle>;
  deleteBundle(trustDomain: TrustDomain, mode: BundleDeleteMode): Promise<void>;
  /** Removes authorities that expired before `expiredBefore`; true if anything changed. Never removes the last one of a kind: throws FailedPrecondition. */
  pruneBundle(trustDomain: TrustDomain, expiredBefore: Date): Promise<boolean>;
  /** `subjectKeyId` is lower-case hex. */
  taintX509Authority(trustDomain: TrustDomain, subjectKeyId: string): Promise<void>;
  revokeX509Authority(trustDomain: TrustDomain, subjectKeyId: string): Promise<void>;
  taintJwtAuthority(trustDomain: TrustDomain, keyId: string): Promise<JwtAuthority>;
  revokeJwtAuthority(trustDomain: TrustDomain, keyId: string): Promise<JwtAuthority>;

  /** `existing` is true when a similar entry (same parent, SPIFFE ID and selector set) was there and is returned unchanged. */
  createEntry(
    entry: RegistrationEntry,
  ): Promise<{ readonly entry: RegistrationEntry; readonly existing: boolean }>;
  /** Creates many in one transaction, answers in order; an item's failure does not touch the others. */
  createEntries(
    entries: readonly RegistrationEntry[],
  ): Promise<
    readonly ({ readonly entry: RegistrationEntry; readonly existing: boolean } | { readonly error: Error })[]
  >;
  findEntry(id: string): Promise<RegistrationEntry | undefined>;
  /** Those that exist, in no order. */
  findEntries(ids: readonly string[]): Promise<readonly RegistrationEntry[]>;
  listEntries(filter?: EntryFilter, page?: PageRequest): Promise<Page<RegistrationEntry>>;
  countEntries(filter?: EntryFilter): Promise<number>;
  /** Raises `revisionNumber` by one. */
  updateEntry(entry: RegistrationEntry, mask?: EntryMask): Promise<RegistrationEntry>;
  deleteEntry(id: string): Promise<RegistrationEntry>;
  /** Deletes entries whose `expiresAt` is before; the deleted ones. */
  pruneEntries(expiresBefore: Date): Promise<readonly RegistrationEntry[]>;

  createNode(node: AttestedNode): Promise<AttestedNode>;
  /** Selectors are not loaded. */
  findNode(spiffeId: SpiffeId): Promise<AttestedNode | undefined>;
  listNodes(
    filter?: NodeFilter,
    options?: { readonly page?: PageRequest; readonly withSelectors?: boolean },
  ): Promise<Page<AttestedNode>>;
  countNodes(filter?: NodeFilter): Promise<number>;
  updateNode(spiffeId: SpiffeId, update: NodeUpdate): Promise<AttestedNode>;
  /** Deletes the node, its selectors, and for join_token nodes the alias entries below it. */
  deleteNode(spiffeId: SpiffeId): Promise<AttestedNode>;
  /** Deletes nodes expired before, banned ones never; `includeNonReattestable` widens; at most `limit`. How many. */
  pruneNodes(options: {
    readonly expiredBefore: Date;
    readonly includeNonReattestable: boolean;
    readonly limit: number;
  }): Promise<number>;
  setNodeSelectors(spiffeId: SpiffeId, selectors: readonly Selector[]): Promise<void>;
  getNodeSelectors(spiffeId: SpiffeId): Promise<readonly Selector[]>;
  /** All nodes' selectors; with `validAt`, only of nodes whose SVID had not expired then. Key: SPIFFE ID string. */
  listNodeSelectors(options?: { readonly validAt?: Date }): Promise<ReadonlyMap<string, readonly Selector[]>>;

  createJoinToken(token: JoinToken): Promise<void>;
  findJoinToken(token: string): Promise<JoinToken | undefined>;
  /** Deletes the token and returns it, atomically: of two callers at once exactly one gets it. */
  takeJoinToken(token: string): Promise<JoinToken | undefined>;
  pruneJoinTokens(expiredBefore: Date): Promise<void>;

  createFederationRelationship(relationship: FederationRelationship): Promise<FederationRelationship>;
  findFederationRelationship(trustDomain: TrustDomain): Promise<FederationRelationship | undefined>;
  listFederationRelationships(page?: PageRequest): Promise<Page<FederationRelationship>>;
  updateFederationRelationship(relationship: FederationRelationship): Promise<FederationRelationship>;
  deleteFederationRelationship(trustDomain: TrustDomain): Promise<void>;

  /** Saves under `journal.id`, or anew when 0; the id. */
  setCaJournal(journal: CaJournal): Promise<number>;
  findCaJournal(activeX509AuthorityId: string): Promise<CaJournal | undefined>;
  /** Deletes journals whose authorities all expired before; `expiredBefore` is compared by the server, this takes ids. */
  listCaJournals(): Promise<readonly CaJournal[]>;
  deleteCaJournal(id: number): Promise<void>;

  /**
   * Changes after `after` (undefined: from now), in order, none missed and none repeated, whoever wrote them.
   * The first item is always a `reset`; its revision equals that of `after` when nothing was lost since then.
   * Load after the first item came: what is loaded is then at least as new as its revision.
   * Throws Unavailable when the plugin goes away; watch again from the last change seen. Ends quietly on `signal`.
   */
  watchChanges(options: {
    readonly after?: StorePosition;
    readonly signal: AbortSignal;
  }): AsyncIterable<StoreChange>;
}
