import type { datastore } from "@finial/sdk/server";
import { allOf, type Condition } from "../list-match.ts";
import { matchSelectors } from "../selector-list.ts";
import type { SqlText } from "../sql.ts";

/**
 * A filter as a condition on attested_node_entries `n`.
 *
 * @throws {StatusError} InvalidArgument for an empty list of selectors.
 */
export function toNodeCondition(sqlText: SqlText, filter: datastore.NodeFilter | undefined): Condition {
  if (filter === undefined) return allOf([]);
  const { byAttestationType, byBanned, byCanReattest, byExpiresBefore, bySelectors } = filter;
  const instant = new Date(byExpiresBefore * 1000);
  return allOf([
    byAttestationType === "" ? undefined : { text: "n.data_type = ?", parameters: [byAttestationType] },
    byBanned === undefined ? undefined : isBanned(byBanned),
    byCanReattest === undefined
      ? undefined
      : { text: "COALESCE(n.can_reattest, 0) = ?", parameters: [Number(byCanReattest)] },
    byExpiresBefore === 0
      ? undefined
      : { text: sqlText.before("n.expires_at"), parameters: sqlText.beforeParameters(instant) },
    matchSelectors(
      sqlText,
      bySelectors,
      { item: "n.spiffe_id", from: "node_resolver_map_entries s", owner: "s.spiffe_id" },
      "cannot list by empty selectors set",
    ),
  ]);
}

/** A node without a serial number has no certificate that it may use. */
export function isBanned(banned: boolean): Condition {
  return { text: `COALESCE(n.serial_number, '') ${banned ? "=" : "<>"} ''`, parameters: [] };
}
