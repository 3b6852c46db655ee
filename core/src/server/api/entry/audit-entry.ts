import type { Entry, EntryMask } from "@finial/proto/api/types/entry";
import type { LogFields } from "@finial/sdk";
import { formatSelector } from "@finial/sdk/spiffe";

/** An entry of a request as SPIRE names its fields in the audit log; empty lists and IDs are left out. */
export function auditEntry(wire: Entry | undefined, mask?: EntryMask): LogFields {
  if (wire === undefined) return {};
  const all: { readonly [field in keyof EntryMask]: LogFields } = {
    spiffeId: wire.spiffeId
      ? { spiffe_id: `spiffe://${wire.spiffeId.trustDomain}${wire.spiffeId.path}` }
      : {},
    parentId: wire.parentId
      ? { parent_id: `spiffe://${wire.parentId.trustDomain}${wire.parentId.path}` }
      : {},
    selectors: listed("selectors", wire.selectors.map(formatSelector)),
    x509SvidTtl: { x509_svid_ttl: wire.x509SvidTtl },
    jwtSvidTtl: { jwt_svid_ttl: wire.jwtSvidTtl },
    federatesWith: listed("federates_with", wire.federatesWith),
    admin: { admin: wire.admin },
    downstream: { downstream: wire.downstream },
    expiresAt: { expires_at: wire.expiresAt },
    dnsNames: listed("dns_name", wire.dnsNames),
    revisionNumber: { revision_number: wire.revisionNumber },
    storeSvid: { store_svid: wire.storeSvid },
    hint: { hint: wire.hint },
    createdAt: { created_at: wire.createdAt },
    additionalAttributes: {},
  };
  const wanted = Object.entries(all).filter(
    ([field]) => mask === undefined || mask[field as keyof EntryMask],
  );
  return Object.assign(wire.id === "" ? {} : { entry_id: wire.id }, ...wanted.map(([, fields]) => fields));
}

function listed(name: string, items: readonly string[]): LogFields {
  return items.length === 0 ? {} : { [name]: items.join(",") };
}
