import { DataStoreDefinition } from "@finial/proto/plugin/server/datastore/v1/datastore";
import { Code, StatusError } from "@finial/sdk";
import { type Client, createClient } from "@finial/sdk/internal";
import type { Bundle, RegistrationEntry, Selector, SpiffeId, TrustDomain } from "@finial/sdk/spiffe";
import type { BoundPlugin } from "../../kernel/catalog/bound-plugin.ts";
import { requireResponse } from "../../kernel/catalog/plugin-errors.ts";
import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type {
  AttestedNode,
  BundleDeleteMode,
  CaJournal,
  DataStore,
  EntryFilter,
  EntryMask,
  FederationRelationship,
  JoinToken,
  NodeFilter,
  NodeUpdate,
  Page,
  PageRequest,
} from "./datastore.ts";
import * as wire from "./datastore-wire.ts";
import { StoreChanges } from "./store-changes.ts";

type Wire = Client<typeof DataStoreDefinition>;

/** The DataStore port over `finial.plugin.server.datastore.v1`. */
export function bindDataStoreV1({ name, channel }: BoundPlugin): DataStore {
  const client = createClient(DataStoreDefinition, channel);
  const changes = new StoreChanges(client);

  /** Answers are read inside: what the plugin got wrong is the plugin's, and says so. */
  const ask = async <T>(work: (client: Wire) => Promise<T>): Promise<T> => {
    try {
      return await work(client);
    } catch (error) {
      throw StatusError.from(error).prefixed(`datastore(${name}): `);
    }
  };

  return {
    name,

    findBundle: (trustDomain) =>
      ask(async (store) => {
        const { bundle } = await store.fetchBundle({ trustDomain: trustDomain.name });
        return bundle && wire.fromWireBundle(bundle);
      }),
    listBundles: (page) =>
      ask((store) =>
        pageOf(
          store.listBundles({ page: wire.toWirePage(page) }),
          ({ bundles }) => bundles,
          wire.fromWireBundle,
        ),
      ),
    countBundles: () => ask(async (store) => (await store.countBundles({})).count),
    createBundle: (bundle) =>
      ask(async (store) => written((await store.createBundle({ bundle: wire.toWireBundle(bundle) })).bundle)),
    setBundle: (bundle) =>
      ask(async (store) => written((await store.setBundle({ bundle: wire.toWireBundle(bundle) })).bundle)),
    updateBundle: (bundle, mask) =>
      ask(async (store) => {
        const request = { bundle: wire.toWireBundle(bundle), mask: mask && bundleMask(mask) };
        return written((await store.updateBundle(request)).bundle);
      }),
    appendBundle: (bundle) =>
      ask(async (store) => written((await store.appendBundle({ bundle: wire.toWireBundle(bundle) })).bundle)),
    deleteBundle: (trustDomain: TrustDomain, mode: BundleDeleteMode) =>
      ask(async (store) => {
        await store.deleteBundle({ trustDomain: trustDomain.name, mode: wire.deleteModes[mode] });
      }),
    pruneBundle: (trustDomain, expiredBefore) =>
      ask(async (store) => {
        const request = { trustDomain: trustDomain.name, expiredBefore: toWireSeconds(expiredBefore) };
        return (await store.pruneBundle(request)).changed;
      }),
    taintX509Authority: (trustDomain, subjectKeyId) =>
      ask(async (store) => {
        await store.taintX509Authority({ trustDomain: trustDomain.name, subjectKeyId });
      }),
    revokeX509Authority: (trustDomain, subjectKeyId) =>
      ask(async (store) => {
        await store.revokeX509Authority({ trustDomain: trustDomain.name, subjectKeyId });
      }),
    taintJwtAuthority: (trustDomain, keyId) =>
      ask(async (store) => {
        const { jwtAuthority } = await store.taintJwtAuthority({ trustDomain: trustDomain.name, keyId });
        return wire.fromWireJwtAuthority(
          requireResponse(jwtAuthority, "plugin response missing JWT authority"),
        );
      }),
    revokeJwtAuthority: (trustDomain, keyId) =>
      ask(async (store) => {
        const { jwtAuthority } = await store.revokeJwtAuthority({ trustDomain: trustDomain.name, keyId });
        return wire.fromWireJwtAuthority(
          requireResponse(jwtAuthority, "plugin response missing JWT authority"),
        );
      }),

    createEntry: (entry) =>
      ask(async (store) => {
        const [result] = await createEntries(store, [entry]);
        if (result === undefined || "error" in result) throw result?.error;
        return result;
      }),
    createEntries: (entries) => ask((store) => createEntries(store, entries)),
    findEntry: (id) =>
      ask(async (store) => {
        const { entries } = await store.fetchEntries({ ids: [id] });
        return entries[0] && wire.fromWireEntry(entries[0]);
      }),
    findEntries: (ids) =>
      ask(async (store) => (await store.fetchEntries({ ids })).entries.map(wire.fromWireEntry)),
    listEntries: (filter?: EntryFilter, page?: PageRequest) =>
      ask((store) =>
        pageOf(
          store.listEntries({ filter: wire.toWireEntryFilter(filter), page: wire.toWirePage(page) }),
          ({ entries }) => entries,
          wire.fromWireEntry,
        ),
      ),
    countEntries: (filter) =>
      ask(async (store) => (await store.countEntries({ filter: wire.toWireEntryFilter(filter) })).count),
    updateEntry: (entry: RegistrationEntry, mask?: EntryMask) =>
      ask(async (store) => {
        const request = { entry: wire.toWireEntry(entry), mask: mask && entryMask(mask) };
        return writtenEntry((await store.updateEntry(request)).entry);
      }),
    deleteEntry: (id) => ask(async (store) => writtenEntry((await store.deleteEntry({ id })).entry)),
    pruneEntries: (expiresBefore) =>
      ask(async (store) => {
        const pruned: RegistrationEntry[] = [];
        for await (const { entries } of store.pruneEntries({ expiresBefore: toWireSeconds(expiresBefore) }))
          pruned.push(...entries.map(wire.fromWireEntry));
        return pruned;
      }),

    createNode: (node: AttestedNode) =>
      ask(async (store) => writtenNode((await store.createNode({ node: wire.toWireNode(node) })).node)),
    findNode: (spiffeId) =>
      ask(async (store) => {
        const { node } = await store.fetchNode({ spiffeId: spiffeId.toString() });
        return node && wire.fromWireNode(node);
      }),
    listNodes: (filter?: NodeFilter, options = {}) =>
      ask((store) => {
        const { page, withSelectors = false } = options;
        const request = {
          filter: wire.toWireNodeFilter(filter),
          page: wire.toWirePage(page),
          withSelectors,
        };
        return pageOf(store.listNodes(request), ({ nodes }) => nodes, wire.fromWireNode);
      }),
    countNodes: (filter) =>
      ask(async (store) => (await store.countNodes({ filter: wire.toWireNodeFilter(filter) })).count),
    updateNode: (spiffeId: SpiffeId, update: NodeUpdate) =>
      ask(async (store) => writtenNode((await store.updateNode(nodeUpdate(spiffeId, update))).node)),
    deleteNode: (spiffeId) =>
      ask(async (store) => writtenNode((await store.deleteNode({ spiffeId: spiffeId.toString() })).node)),
    pruneNodes: ({ expiredBefore, includeNonReattestable, limit }) =>
      ask(async (store) => {
        const request = { expiredBefore: toWireSeconds(expiredBefore), includeNonReattestable, limit };
        return (await store.pruneNodes(request)).count;
      }),
    setNodeSelectors: (spiffeId: SpiffeId, selectors: readonly Selector[]) =>
      ask(async (store) => {
        await store.setNodeSelectors({ spiffeId: spiffeId.toString(), selectors });
      }),
    getNodeSelectors: (spiffeId) =>
      ask(async (store) => (await store.getNodeSelectors({ spiffeId: spiffeId.toString() })).selectors),
    listNodeSelectors: (options = {}) =>
      ask(async (store) => {
        const all = new Map<string, readonly Selector[]>();
        for await (const { nodes } of store.listNodeSelectors({ validAt: toWireSeconds(options.validAt) }))
          for (const { spiffeId, selectors } of nodes) all.set(spiffeId, selectors);
        return all;
      }),

    createJoinToken: ({ token, expiresAt }: JoinToken) =>
      ask(async (store) => {
        await store.createJoinToken({ joinToken: { token, expiresAt: toWireSeconds(expiresAt) } });
      }),
    findJoinToken: (token) =>
      ask(async (store) => joinToken((await store.fetchJoinToken({ token })).joinToken)),
    takeJoinToken: (token) =>
      ask(async (store) => joinToken((await store.takeJoinToken({ token })).joinToken)),
    pruneJoinTokens: (expiredBefore) =>
      ask(async (store) => {
        await store.pruneJoinTokens({ expiredBefore: toWireSeconds(expiredBefore) });
      }),

    createFederationRelationship: (relationship) =>
      ask(async (store) => {
        const request = { relationship: wire.toWireRelationship(relationship) };
        return writtenRelationship((await store.createFederationRelationship(request)).relationship);
      }),
    findFederationRelationship: (trustDomain) =>
      ask(async (store) => {
        const { relationship } = await store.fetchFederationRelationship({ trustDomain: trustDomain.name });
        return relationship && wire.fromWireRelationship(relationship);
      }),
    listFederationRelationships: (page) =>
      ask((store) =>
        pageOf(
          store.listFederationRelationships({ page: wire.toWirePage(page) }),
          ({ relationships }) => relationships,
          wire.fromWireRelationship,
        ),
      ),
    updateFederationRelationship: (relationship) =>
      ask(async (store) => {
        const request = { relationship: wire.toWireRelationship(relationship) };
        return writtenRelationship((await store.updateFederationRelationship(request)).relationship);
      }),
    deleteFederationRelationship: (trustDomain) =>
      ask(async (store) => {
        await store.deleteFederationRelationship({ trustDomain: trustDomain.name });
      }),

    setCaJournal: (journal: CaJournal) => ask(async (store) => (await store.setCaJournal({ journal })).id),
    findCaJournal: (activeX509AuthorityId) =>
      ask(async (store) => {
        const { journal } = await store.fetchCaJournal({ activeX509AuthorityId });
        return journal && wire.fromWireJournal(journal);
      }),
    listCaJournals: () =>
      ask(async (store) => {
        const all: CaJournal[] = [];
        for await (const { journals } of store.listCaJournals({}))
          all.push(...journals.map(wire.fromWireJournal));
        return all;
      }),
    deleteCaJournal: (id) =>
      ask(async (store) => {
        await store.deleteCaJournal({ id });
      }),

    watchChanges: async function* ({ after, signal }) {
      try {
        yield* changes.watch(after, signal);
      } catch (error) {
        throw StatusError.from(error).prefixed(`datastore(${name}): `);
      }
    },
  };
}

async function createEntries(
  store: Wire,
  entries: readonly RegistrationEntry[],
): Promise<
  readonly ({ readonly entry: RegistrationEntry; readonly existing: boolean } | { readonly error: Error })[]
> {
  const { results } = await store.createEntries({ entries: entries.map(wire.toWireEntry) });
  if (results.length !== entries.length)
    throw new StatusError(
      Code.Internal,
      "PLUGIN_RESPONSE",
      `plugin returned ${results.length} results for ${entries.length} entries`,
    );
  return results.map(({ code, message, reason, entry, existing }) => {
    if (code !== Code.Ok) {
      const known = Object.values(Code).find((value) => value === code) ?? Code.Unknown;
      return { error: new StatusError(known, reason, message) };
    }
    return { entry: writtenEntry(entry), existing };
  });
}

/** A streamed list as one page: the token is the last part's. */
async function pageOf<Part extends { readonly nextPageToken: string }, Item, Value>(
  parts: AsyncIterable<Part>,
  itemsOf: (part: Part) => readonly Item[],
  read: (item: Item) => Value,
): Promise<Page<Value>> {
  const items: Value[] = [];
  let nextToken = "";
  for await (const part of parts) {
    for (const item of itemsOf(part)) items.push(read(item));
    nextToken = part.nextPageToken;
  }
  return { items, nextToken };
}

function written(bundle: Parameters<typeof wire.fromWireBundle>[0] | undefined): Bundle {
  return wire.fromWireBundle(requireResponse(bundle, "plugin response missing bundle"));
}

function writtenEntry(entry: Parameters<typeof wire.fromWireEntry>[0] | undefined): RegistrationEntry {
  return wire.fromWireEntry(requireResponse(entry, "plugin response missing entry"));
}

function writtenNode(node: Parameters<typeof wire.fromWireNode>[0] | undefined): AttestedNode {
  return wire.fromWireNode(requireResponse(node, "plugin response missing node"));
}

function writtenRelationship(
  relationship: Parameters<typeof wire.fromWireRelationship>[0] | undefined,
): FederationRelationship {
  return wire.fromWireRelationship(requireResponse(relationship, "plugin response missing relationship"));
}

function joinToken(
  token: { readonly token: string; readonly expiresAt: number } | undefined,
): JoinToken | undefined {
  return token && { token: token.token, expiresAt: fromWireSeconds(token.expiresAt) ?? new Date(0) };
}

function bundleMask(mask: ReadonlySet<string>) {
  return {
    x509Authorities: mask.has("x509Authorities"),
    jwtAuthorities: mask.has("jwtAuthorities"),
    refreshHint: mask.has("refreshHintSeconds"),
    sequenceNumber: mask.has("sequenceNumber"),
  };
}

function entryMask(mask: EntryMask) {
  return {
    spiffeId: mask.has("spiffeId"),
    parentId: mask.has("parentId"),
    selectors: mask.has("selectors"),
    x509SvidTtl: mask.has("x509SvidTtlSeconds"),
    jwtSvidTtl: mask.has("jwtSvidTtlSeconds"),
    federatesWith: mask.has("federatesWith"),
    admin: mask.has("admin"),
    downstream: mask.has("downstream"),
    expiresAt: mask.has("expiresAt"),
    dnsNames: mask.has("dnsNames"),
    storeSvid: mask.has("storeSvid"),
    hint: mask.has("hint"),
    disableX509SvidPrefetch: mask.has("disableX509SvidPrefetch"),
    jwtSvidIncludeJti: mask.has("jwtSvidIncludeJti"),
  };
}

/** What the update names is written, also when it names an absent value. */
function nodeUpdate(spiffeId: SpiffeId, update: NodeUpdate) {
  return {
    node: {
      spiffeId: spiffeId.toString(),
      serialNumber: update.serialNumber,
      expiresAt: toWireSeconds(update.expiresAt),
      newSerialNumber: update.newSerialNumber,
      newExpiresAt: toWireSeconds(update.newExpiresAt),
      canReattest: update.canReattest,
      agentVersion: update.agentVersion,
    },
    mask: {
      serialNumber: "serialNumber" in update,
      expiresAt: "expiresAt" in update,
      newSerialNumber: "newSerialNumber" in update,
      newExpiresAt: "newExpiresAt" in update,
      canReattest: "canReattest" in update,
      agentVersion: "agentVersion" in update,
    },
  };
}
