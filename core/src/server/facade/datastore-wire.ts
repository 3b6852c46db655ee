import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import {
  DeleteBundleRequest_Mode,
  MatchBehavior as WireMatch,
} from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "@finial/sdk";
import {
  type Bundle,
  type JwtAuthority,
  parseSpiffeId,
  parseTrustDomain,
  type RegistrationEntry,
  type Selector,
} from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type {
  AttestedNode,
  BundleDeleteMode,
  CaJournal,
  EntryFilter,
  FederationRelationship,
  MatchBehavior,
  NodeFilter,
  PageRequest,
} from "./datastore.ts";

const matches: Readonly<Record<MatchBehavior, WireMatch>> = {
  exact: WireMatch.MATCH_EXACT,
  subset: WireMatch.MATCH_SUBSET,
  superset: WireMatch.MATCH_SUPERSET,
  any: WireMatch.MATCH_ANY,
};

export const deleteModes: Readonly<Record<BundleDeleteMode, DeleteBundleRequest_Mode>> = {
  restrict: DeleteBundleRequest_Mode.RESTRICT,
  delete: DeleteBundleRequest_Mode.DELETE,
  dissociate: DeleteBundleRequest_Mode.DISSOCIATE,
};

export function toWirePage(page: PageRequest | undefined): wire.Page | undefined {
  return page === undefined ? undefined : { size: page.size, token: page.token };
}

export function toWireBundle(bundle: Bundle): wire.Bundle {
  return {
    trustDomain: bundle.trustDomain.name,
    x509Authorities: bundle.x509Authorities.map(({ certificateDer, tainted }) => ({
      asn1: certificateDer,
      tainted,
    })),
    jwtAuthorities: bundle.jwtAuthorities.map(({ keyId, publicKeyPkixDer, expiresAt, tainted }) => ({
      keyId,
      publicKey: publicKeyPkixDer,
      expiresAt: toWireSeconds(expiresAt),
      tainted,
    })),
    refreshHint: bundle.refreshHintSeconds,
    sequenceNumber: bundle.sequenceNumber,
  };
}

/** @throws {StatusError} InvalidArgument for a malformed trust domain. */
export function fromWireBundle(bundle: wire.Bundle): Bundle {
  return {
    trustDomain: parseTrustDomain(bundle.trustDomain),
    x509Authorities: bundle.x509Authorities.map(({ asn1, tainted }) => ({ certificateDer: asn1, tainted })),
    jwtAuthorities: bundle.jwtAuthorities.map(fromWireJwtAuthority),
    refreshHintSeconds: bundle.refreshHint,
    sequenceNumber: bundle.sequenceNumber,
  };
}

export function fromWireJwtAuthority(authority: wire.JwtAuthority): JwtAuthority {
  const { keyId, publicKey, expiresAt, tainted } = authority;
  return { keyId, publicKeyPkixDer: publicKey, expiresAt: fromWireSeconds(expiresAt), tainted };
}

export function toWireEntry(entry: RegistrationEntry): wire.Entry {
  return {
    id: entry.id,
    spiffeId: entry.spiffeId.toString(),
    parentId: entry.parentId.toString(),
    selectors: entry.selectors.map(({ type, value }) => ({ type, value })),
    x509SvidTtl: entry.x509SvidTtlSeconds,
    jwtSvidTtl: entry.jwtSvidTtlSeconds,
    federatesWith: entry.federatesWith.map(({ name }) => name),
    admin: entry.admin,
    downstream: entry.downstream,
    expiresAt: toWireSeconds(entry.expiresAt),
    dnsNames: [...entry.dnsNames],
    revisionNumber: entry.revisionNumber,
    storeSvid: entry.storeSvid,
    hint: entry.hint,
    createdAt: toWireSeconds(entry.createdAt),
    disableX509SvidPrefetch: entry.disableX509SvidPrefetch,
    jwtSvidIncludeJti: entry.jwtSvidIncludeJti,
  };
}

/** @throws {StatusError} InvalidArgument for malformed IDs. */
export function fromWireEntry(entry: wire.Entry): RegistrationEntry {
  return {
    id: entry.id,
    spiffeId: parseSpiffeId(entry.spiffeId),
    parentId: parseSpiffeId(entry.parentId),
    selectors: entry.selectors,
    x509SvidTtlSeconds: entry.x509SvidTtl,
    jwtSvidTtlSeconds: entry.jwtSvidTtl,
    federatesWith: entry.federatesWith.map(parseTrustDomain),
    admin: entry.admin,
    downstream: entry.downstream,
    expiresAt: fromWireSeconds(entry.expiresAt),
    dnsNames: entry.dnsNames,
    revisionNumber: entry.revisionNumber,
    storeSvid: entry.storeSvid,
    hint: entry.hint,
    createdAt: fromWireSeconds(entry.createdAt),
    disableX509SvidPrefetch: entry.disableX509SvidPrefetch,
    jwtSvidIncludeJti: entry.jwtSvidIncludeJti,
  };
}

export function toWireEntryFilter(filter: EntryFilter | undefined): PartialMessage<wire.EntryFilter> {
  if (filter === undefined) return {};
  const { bySelectors, byFederatesWith } = filter;
  return {
    bySpiffeId: filter.bySpiffeId?.toString(),
    byParentId: filter.byParentId?.toString(),
    bySelectors: bySelectors && toWireSelectorMatch(bySelectors),
    byFederatesWith: byFederatesWith && {
      trustDomains: byFederatesWith.trustDomains.map(({ name }) => name),
      match: matches[byFederatesWith.match],
    },
    byHint: filter.byHint,
    byDownstream: filter.byDownstream,
  };
}

export function toWireNodeFilter(filter: NodeFilter | undefined): PartialMessage<wire.NodeFilter> {
  if (filter === undefined) return {};
  const { bySelectors } = filter;
  return {
    byAttestationType: filter.byAttestationType,
    byBanned: filter.byBanned,
    byCanReattest: filter.byCanReattest,
    byExpiresBefore: toWireSeconds(filter.byExpiresBefore),
    bySelectors: bySelectors && toWireSelectorMatch(bySelectors),
  };
}

function toWireSelectorMatch(match: {
  readonly selectors: readonly Selector[];
  readonly match: MatchBehavior;
}): PartialMessage<wire.SelectorMatch> {
  return { selectors: match.selectors, match: matches[match.match] };
}

export function toWireNode(node: AttestedNode): PartialMessage<wire.Node> {
  return {
    spiffeId: node.spiffeId.toString(),
    attestationType: node.attestationType,
    serialNumber: node.serialNumber,
    expiresAt: toWireSeconds(node.expiresAt),
    newSerialNumber: node.newSerialNumber,
    newExpiresAt: toWireSeconds(node.newExpiresAt),
    canReattest: node.canReattest,
    agentVersion: node.agentVersion,
    selectors: node.selectors,
  };
}

/** @throws {StatusError} InvalidArgument for a malformed ID. */
export function fromWireNode(node: wire.Node): AttestedNode {
  return {
    spiffeId: parseSpiffeId(node.spiffeId),
    attestationType: node.attestationType,
    serialNumber: node.serialNumber,
    expiresAt: new Date(node.expiresAt * 1000),
    newSerialNumber: node.newSerialNumber,
    newExpiresAt: fromWireSeconds(node.newExpiresAt),
    canReattest: node.canReattest,
    agentVersion: node.agentVersion,
    selectors: node.selectors,
  };
}

export function toWireRelationship(
  relationship: FederationRelationship,
): PartialMessage<wire.FederationRelationship> {
  const { trustDomain, bundleEndpointUrl, profile } = relationship;
  return {
    trustDomain: trustDomain.name,
    bundleEndpointUrl,
    profile:
      profile.kind === "https_web"
        ? { $case: "httpsWeb", value: {} }
        : { $case: "httpsSpiffe", value: { endpointSpiffeId: profile.endpointSpiffeId.toString() } },
  };
}

/** @throws {StatusError} InvalidArgument for malformed IDs. */
export function fromWireRelationship(relationship: wire.FederationRelationship): FederationRelationship {
  const { trustDomain, bundleEndpointUrl, profile } = relationship;
  return {
    trustDomain: parseTrustDomain(trustDomain),
    bundleEndpointUrl,
    profile:
      profile?.$case === "httpsSpiffe"
        ? { kind: "https_spiffe", endpointSpiffeId: parseSpiffeId(profile.value.endpointSpiffeId) }
        : { kind: "https_web" },
  };
}

export function fromWireJournal(journal: wire.CaJournal): CaJournal {
  const { id, data, activeX509AuthorityId, activeJwtAuthorityId } = journal;
  return { id, data, activeX509AuthorityId, activeJwtAuthorityId };
}
