import type { ListEntriesRequest_Filter } from "@finial/proto/api/server/entry/v1/entry";
import { Code, type LogFields, StatusError } from "@finial/sdk";
import { formatSelector, parseTrustDomain, type TrustDomain } from "@finial/sdk/spiffe";
import { fromWireMatchBehavior } from "../../../kernel/convert/match-behavior.ts";
import { fromWireSelectors } from "../../../kernel/convert/selector.ts";
import { fromWireMemberId, fromWireWorkloadId } from "../../../kernel/convert/spiffe-id.ts";
import type { EntryFilter } from "../../facade/datastore.ts";
import { failure } from "../failure.ts";

/**
 * The filter of a ListEntries or CountEntries request, which have the same shape.
 *
 * @throws {StatusError} InvalidArgument that names the malformed part
 */
export function parseEntryFilter(
  wire: ListEntriesRequest_Filter | undefined,
  trustDomain: TrustDomain,
): EntryFilter {
  if (wire === undefined) return {};
  const { byHint, byParentId, bySpiffeId, bySelectors, byFederatesWith, byDownstream } = wire;
  return {
    // As in SPIRE, an empty hint asks for nothing.
    ...(byHint !== undefined && byHint !== "" && { byHint }),
    ...(byParentId && { byParentId: part("parent ID", () => fromWireMemberId(byParentId, trustDomain)) }),
    ...(bySpiffeId && { bySpiffeId: part("SPIFFE ID", () => fromWireWorkloadId(bySpiffeId, trustDomain)) }),
    ...(bySelectors && { bySelectors: part("selectors", () => selectorsFilter(bySelectors)) }),
    ...(byFederatesWith && {
      byFederatesWith: part("federates with", () => federatesWithFilter(byFederatesWith)),
    }),
    // SPIRE's clients always send it; false asks for nothing.
    ...(byDownstream === true && { byDownstream }),
  };
}

/** The filter as SPIRE names its parts in the audit log; malformed ones as they came. */
export function auditEntryFilter(wire: ListEntriesRequest_Filter | undefined): LogFields {
  if (wire === undefined) return {};
  const { byHint, byParentId, bySpiffeId, bySelectors, byFederatesWith, byDownstream } = wire;
  return {
    ...(byHint !== undefined && { hint: byHint }),
    ...(byParentId && { parent_id: `spiffe://${byParentId.trustDomain}${byParentId.path}` }),
    ...(bySpiffeId && { spiffe_id: `spiffe://${bySpiffeId.trustDomain}${bySpiffeId.path}` }),
    ...(bySelectors && {
      by_selector_match: matchName(bySelectors.match),
      by_selectors: bySelectors.selectors.map(formatSelector).join(","),
    }),
    ...(byFederatesWith && {
      federates_with_match: matchName(byFederatesWith.match),
      federates_with: byFederatesWith.trustDomains.join(","),
    }),
    ...(byDownstream !== undefined && { downstream: byDownstream }),
  };
}

function selectorsFilter(
  wire: NonNullable<ListEntriesRequest_Filter["bySelectors"]>,
): NonNullable<EntryFilter["bySelectors"]> {
  const selectors = fromWireSelectors(wire.selectors);
  if (selectors.length === 0) throw empty("empty selector set");
  return { selectors, match: fromWireMatchBehavior(wire.match) };
}

function federatesWithFilter(
  wire: NonNullable<ListEntriesRequest_Filter["byFederatesWith"]>,
): NonNullable<EntryFilter["byFederatesWith"]> {
  const trustDomains = wire.trustDomains.map(parseTrustDomain);
  if (trustDomains.length === 0) throw empty("empty trust domain set");
  return { trustDomains, match: fromWireMatchBehavior(wire.match) };
}

function part<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw failure(Code.InvalidArgument, "ENTRY_FILTER", `malformed ${name} filter`, error);
  }
}

function empty(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "ENTRY_FILTER", message);
}

function matchName(match: number): string {
  return ["MATCH_EXACT", "MATCH_SUBSET", "MATCH_SUPERSET", "MATCH_ANY"][match] ?? String(match);
}
