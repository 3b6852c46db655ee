import type { datastore } from "@finial/sdk/server";
import { invalidArgument } from "./errors.ts";
import { type Condition, matchList, type OwnList } from "./list-match.ts";
import type { SqlText } from "./sql.ts";

/** The members as pairs, each once. */
export function selectorPairs(selectors: readonly datastore.Selector[]): (readonly [string, string])[] {
  const pairs = new Map(
    selectors.map(({ type, value }) => [JSON.stringify([type, value]), [type, value] as const]),
  );
  return [...pairs.values()];
}

/**
 * Compares an item's selectors with a filter's. The rows' columns are `s.type` and `s.value`.
 *
 * @throws {StatusError} InvalidArgument for an empty filter, in the words given.
 */
export function matchSelectors(
  sqlText: SqlText,
  filter: datastore.SelectorMatch | undefined,
  list: Omit<OwnList, "isWanted">,
  emptyMessage: string,
): Condition | undefined {
  if (filter === undefined) return undefined;
  const pairs = selectorPairs(filter.selectors);
  if (pairs.length === 0) throw invalidArgument("SELECTORS_EMPTY", emptyMessage);
  return matchList(
    filter.match,
    { ...list, isWanted: sqlText.pairOneOf("s.type", "s.value") },
    { parameter: sqlText.listParameter(pairs), count: pairs.length },
  );
}
