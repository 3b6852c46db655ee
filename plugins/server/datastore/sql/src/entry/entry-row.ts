import { StatusError } from "@finial/sdk";
import { type datastore, spireCommon } from "@finial/sdk/server";
import { corrupt } from "../errors.ts";
import type { Row, SqlValue } from "../sql.ts";
import { fromTimeColumn } from "../time-column.ts";

/** Columns of registered_entries, under the alias `e`. */
export const entryColumns = `e.id, e.created_at, e.entry_id, e.spiffe_id, e.parent_id, e.ttl, e.admin, e.downstream, e.expiry,
 e.revision_number, e.store_svid, e.hint, e.jwt_svid_ttl, e.additional_attributes`;

export type EntryRow = Row & {
  readonly id: number;
  readonly created_at: SqlValue;
  readonly entry_id: string | null;
  readonly spiffe_id: string | null;
  readonly parent_id: string | null;
  readonly ttl: number | null;
  readonly admin: number | null;
  readonly downstream: number | null;
  readonly expiry: number | null;
  readonly revision_number: number | null;
  readonly store_svid: number | null;
  readonly hint: string | null;
  readonly jwt_svid_ttl: number | null;
  readonly additional_attributes: Buffer | null;
};

/** What an entry has in tables of their own. */
export interface EntryLists {
  readonly selectors: datastore.Selector[];
  readonly federatesWith: string[];
  readonly dnsNames: string[];
}

export function toEntry(row: EntryRow, lists: EntryLists): datastore.Entry {
  const attributes = decodeAttributes(row.additional_attributes);
  return {
    id: row.entry_id ?? "",
    spiffeId: row.spiffe_id ?? "",
    parentId: row.parent_id ?? "",
    selectors: lists.selectors,
    x509SvidTtl: row.ttl ?? 0,
    jwtSvidTtl: row.jwt_svid_ttl ?? 0,
    federatesWith: lists.federatesWith,
    admin: Boolean(row.admin),
    downstream: Boolean(row.downstream),
    expiresAt: row.expiry ?? 0,
    dnsNames: lists.dnsNames,
    revisionNumber: row.revision_number ?? 0,
    storeSvid: Boolean(row.store_svid),
    hint: row.hint ?? "",
    createdAt: toNearestSecond(fromTimeColumn(row.created_at)),
    disableX509SvidPrefetch: attributes?.disableX509SvidPrefetch ?? false,
    jwtSvidIncludeJti: attributes?.jwtSvidIncludeJti ?? false,
  };
}

/** Columns that hold an entry's own values, for writing; its attributes are apart. */
export function toColumns(entry: datastore.Entry): Readonly<Record<string, SqlValue>> {
  return {
    spiffe_id: entry.spiffeId,
    parent_id: entry.parentId,
    ttl: entry.x509SvidTtl,
    admin: Number(entry.admin),
    downstream: Number(entry.downstream),
    expiry: entry.expiresAt,
    store_svid: Number(entry.storeSvid),
    hint: entry.hint,
    jwt_svid_ttl: entry.jwtSvidTtl,
  };
}

const Attributes = spireCommon.RegistrationEntry_AdditionalAttributes;

function decodeAttributes(
  blob: Buffer | null,
): spireCommon.RegistrationEntry_AdditionalAttributes | undefined {
  if (blob === null || blob.length === 0) return undefined;
  try {
    return Attributes.decode(blob);
  } catch (error) {
    throw corrupt(`an entry's attributes cannot be read: ${StatusError.from(error).message}`, error);
  }
}

/** The column additional_attributes; NULL when there are none, as in SPIRE. */
export function encodeAttributes(entry: datastore.Entry): Buffer | null {
  const { disableX509SvidPrefetch, jwtSvidIncludeJti } = entry;
  if (!disableX509SvidPrefetch && !jwtSvidIncludeJti) return null;
  return Buffer.from(Attributes.encode({ disableX509SvidPrefetch, jwtSvidIncludeJti }).finish());
}

/** As SPIRE tells it; Go rounds halves away from zero, as does this for times since 1970. */
function toNearestSecond(instant: Date | undefined): number {
  return instant === undefined ? 0 : Math.round(instant.getTime() / 1000);
}
