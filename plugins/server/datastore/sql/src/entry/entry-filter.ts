import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "../errors.ts";
import { allOf, type Condition, matchList } from "../list-match.ts";
import { matchSelectors } from "../selector-list.ts";
import type { SqlText, SqlValue } from "../sql.ts";
import { toTrustDomainId } from "../trust-domain-column.ts";

/**
 * A filter as a condition on registered_entries `e`.
 *
 * @throws {StatusError} InvalidArgument for an empty list.
 */
export function toEntryCondition(sqlText: SqlText, filter: datastore.EntryFilter | undefined): Condition {
  if (filter === undefined) return allOf([]);
  const equals = (column: string, value: SqlValue): Condition | undefined =>
    value === "" ? undefined : { text: `${column} = ?`, parameters: [value] };
  const { byDownstream } = filter;
  return allOf([
    equals("e.spiffe_id", filter.bySpiffeId),
    equals("e.parent_id", filter.byParentId),
    equals("e.hint", filter.byHint),
    byDownstream === undefined ? undefined : equals("COALESCE(e.downstream, 0)", Number(byDownstream)),
    matchSelectors(
      sqlText,
      filter.bySelectors,
      { item: "e.id", from: "selectors s", owner: "s.registered_entry_id" },
      "cannot list by empty selector set",
    ),
    matchFederatesWith(sqlText, filter.byFederatesWith),
  ]);
}

function matchFederatesWith(
  sqlText: SqlText,
  filter: datastore.TrustDomainMatch | undefined,
): Condition | undefined {
  if (filter === undefined) return undefined;
  const ids = [...new Set(filter.trustDomains.map(toTrustDomainId))];
  if (ids.length === 0) throw invalidArgument("TRUST_DOMAINS_EMPTY", "cannot list by empty trust domain set");
  return matchList(
    filter.match,
    {
      item: "e.id",
      from: "federated_registration_entries f JOIN bundles b ON b.id = f.bundle_id",
      owner: "f.registered_entry_id",
      isWanted: sqlText.oneOf("b.trust_domain"),
    },
    { parameter: sqlText.listParameter(ids), count: ids.length },
  );
}
