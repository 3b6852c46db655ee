import { Entry, type EntryMask } from "@finial/proto/api/types/entry";
import { parseTrustDomain, type RegistrationEntry } from "@finial/sdk/spiffe";
import { fromWireSeconds, toWireSeconds } from "./instant.ts";
import { fromWireSelectors, toWireSelectors } from "./selector.ts";
import { fromWireSpiffeId, toWireSpiffeId } from "./spiffe-id.ts";

/**
 * An entry as `spire.api.types.Entry`.
 *
 * @param mask the fields wanted besides the ID, which always goes; absent means all.
 */
export function toWireEntry(entry: RegistrationEntry, mask?: EntryMask): Entry {
  if (mask !== undefined) return masked(entry, mask);
  return {
    id: entry.id,
    spiffeId: toWireSpiffeId(entry.spiffeId),
    parentId: toWireSpiffeId(entry.parentId),
    selectors: toWireSelectors(entry.selectors),
    x509SvidTtl: entry.x509SvidTtlSeconds,
    federatesWith: entry.federatesWith.map((trustDomain) => trustDomain.name),
    admin: entry.admin,
    downstream: entry.downstream,
    expiresAt: toWireSeconds(entry.expiresAt),
    dnsNames: [...entry.dnsNames],
    revisionNumber: entry.revisionNumber,
    storeSvid: entry.storeSvid,
    jwtSvidTtl: entry.jwtSvidTtlSeconds,
    hint: entry.hint,
    createdAt: toWireSeconds(entry.createdAt),
    additionalAttributes: attributesOf(entry),
  };
}

/**
 * The entry in a `spire.api.types.Entry`, such as a server sends to its agents.
 *
 * @throws {StatusError} InvalidArgument when an ID, trust domain or selector is malformed.
 */
export function fromWireEntry(wire: Entry): RegistrationEntry {
  return {
    id: wire.id,
    spiffeId: fromWireSpiffeId(wire.spiffeId),
    parentId: fromWireSpiffeId(wire.parentId),
    selectors: fromWireSelectors(wire.selectors),
    x509SvidTtlSeconds: wire.x509SvidTtl,
    jwtSvidTtlSeconds: wire.jwtSvidTtl,
    federatesWith: wire.federatesWith.map(parseTrustDomain),
    admin: wire.admin,
    downstream: wire.downstream,
    expiresAt: fromWireSeconds(wire.expiresAt),
    dnsNames: wire.dnsNames,
    revisionNumber: wire.revisionNumber,
    storeSvid: wire.storeSvid,
    hint: wire.hint,
    createdAt: fromWireSeconds(wire.createdAt),
    disableX509SvidPrefetch: wire.additionalAttributes?.disableX509SvidPrefetch ?? false,
    jwtSvidIncludeJti: wire.additionalAttributes?.jwtSvidIncludeJti ?? false,
  };
}

/** Only the wanted fields are converted: agents ask for a few, of many entries. */
function masked(entry: RegistrationEntry, mask: EntryMask): Entry {
  const wire = Entry.create({ id: entry.id });
  if (mask.spiffeId) wire.spiffeId = toWireSpiffeId(entry.spiffeId);
  if (mask.parentId) wire.parentId = toWireSpiffeId(entry.parentId);
  if (mask.selectors) wire.selectors = toWireSelectors(entry.selectors);
  if (mask.x509SvidTtl) wire.x509SvidTtl = entry.x509SvidTtlSeconds;
  if (mask.federatesWith) wire.federatesWith = entry.federatesWith.map((trustDomain) => trustDomain.name);
  if (mask.admin) wire.admin = entry.admin;
  if (mask.downstream) wire.downstream = entry.downstream;
  if (mask.expiresAt) wire.expiresAt = toWireSeconds(entry.expiresAt);
  if (mask.dnsNames) wire.dnsNames = [...entry.dnsNames];
  if (mask.revisionNumber) wire.revisionNumber = entry.revisionNumber;
  if (mask.storeSvid) wire.storeSvid = entry.storeSvid;
  if (mask.jwtSvidTtl) wire.jwtSvidTtl = entry.jwtSvidTtlSeconds;
  if (mask.hint) wire.hint = entry.hint;
  if (mask.createdAt) wire.createdAt = toWireSeconds(entry.createdAt);
  if (mask.additionalAttributes) wire.additionalAttributes = attributesOf(entry);
  return wire;
}

/** Absent when all are false, as for an entry that was made without them. */
function attributesOf(entry: RegistrationEntry): Entry["additionalAttributes"] {
  const { disableX509SvidPrefetch, jwtSvidIncludeJti } = entry;
  if (!disableX509SvidPrefetch && !jwtSvidIncludeJti) return undefined;
  return { disableX509SvidPrefetch, jwtSvidIncludeJti };
}
