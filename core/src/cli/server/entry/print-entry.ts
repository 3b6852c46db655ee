import type { Entry } from "@finial/proto/api/types/entry";
import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { formatUtc } from "../../go-time.ts";

/** An entry for people: a line for what it always has and one for what it has besides, then an empty one. */
export function formatEntry(entry: Entry): string {
  const attributes = entry.additionalAttributes;
  const rows: readonly (readonly [label: string, value: string | undefined])[] = [
    ["Entry ID", entry.id || "(none)"],
    ["SPIFFE ID", formatId(entry.spiffeId)],
    ["Parent ID", formatId(entry.parentId)],
    ["Revision", String(entry.revisionNumber)],
    ["Downstream", flag(entry.downstream)],
    ["X509-SVID TTL", String(entry.x509SvidTtl || "default")],
    ["JWT-SVID TTL", String(entry.jwtSvidTtl || "default")],
    ["Expiration time", entry.expiresAt === 0 ? undefined : formatUtc(new Date(entry.expiresAt * 1000))],
    ...entry.selectors.map(({ type, value }) => ["Selector", `${type}:${value}`] as const),
    ...entry.federatesWith.map((trustDomain) => ["FederatesWith", trustDomain] as const),
    ...entry.dnsNames.map((name) => ["DNS name", name] as const),
    ["Admin", flag(entry.admin)],
    ["StoreSvid", flag(entry.storeSvid)],
    ["Hint", entry.hint || undefined],
    ["DisableX509SvidPrefetch", flag(attributes?.disableX509SvidPrefetch)],
    ["JwtSvidIncludeJti", flag(attributes?.jwtSvidIncludeJti)],
  ];
  const lines = rows.flatMap(([label, value]) =>
    value === undefined ? [] : [`${label.padEnd(24)}: ${value}\n`],
  );
  return `${lines.join("")}\n`;
}

export function formatId(id: SPIFFEID | undefined): string {
  return id === undefined ? "" : `spiffe://${id.trustDomain}${id.path}`;
}

/** What is seldom so is told only when it is. */
function flag(value: boolean | undefined): string | undefined {
  return value ? "true" : undefined;
}
