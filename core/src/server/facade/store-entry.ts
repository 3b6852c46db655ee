import type * as wire from "@finial/proto/plugin/server/datastore/v1/datastore";
import type { PartialMessage } from "@finial/sdk";
import { parseSpiffeId, parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "../../kernel/convert/instant.ts";
import type { EntryFilter, EntryMask } from "./datastore.ts";
import { wireMatches } from "./store-answers.ts";

/** An entry as the DataStore's contract has it. */
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

/** @throws {StatusError} InvalidArgument for a malformed ID or trust domain. */
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

export function toWireEntryFilter(filter: EntryFilter): PartialMessage<wire.EntryFilter> {
  const { bySelectors, byFederatesWith } = filter;
  return {
    bySpiffeId: filter.bySpiffeId?.toString(),
    byParentId: filter.byParentId?.toString(),
    bySelectors: bySelectors && { selectors: bySelectors.selectors, match: wireMatches[bySelectors.match] },
    byFederatesWith: byFederatesWith && {
      trustDomains: byFederatesWith.trustDomains.map(({ name }) => name),
      match: wireMatches[byFederatesWith.match],
    },
    byHint: filter.byHint,
    byDownstream: filter.byDownstream,
  };
}

export function toWireEntryMask(mask: EntryMask): wire.EntryMask {
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
