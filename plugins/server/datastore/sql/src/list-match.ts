import { datastore } from "@finial/sdk/server";
import { invalidArgument } from "./errors.ts";
import type { SqlValue } from "./sql.ts";

/** A condition for WHERE and its parameters in order. */
export interface Condition {
  readonly text: string;
  readonly parameters: readonly SqlValue[];
}

/** Where an item's own list is, for comparing it with a filter's. */
export interface OwnList {
  /** The item's key in the query around: `e.id`. */
  readonly item: string;
  /** Rows of the lists, under aliases of their own: `selectors s`. */
  readonly from: string;
  /** The item's key in those rows. */
  readonly owner: string;
  /** True for a row whose member is in the filter's list; takes one parameter. */
  readonly isWanted: string;
}

/**
 * Compares lists as the contract's MatchBehavior says.
 *
 * @param wanted the parameter of `isWanted`; `count` distinct members are in it.
 * @throws {StatusError} InvalidArgument for an unknown behavior.
 */
export function matchList(
  match: datastore.MatchBehavior,
  list: OwnList,
  wanted: { readonly parameter: SqlValue; readonly count: number },
): Condition {
  const { MATCH_ANY, MATCH_EXACT, MATCH_SUBSET, MATCH_SUPERSET } = datastore.MatchBehavior;
  const { item, from, owner, isWanted } = list;
  const shares = `${item} IN (SELECT ${owner} FROM ${from} WHERE ${isWanted})`;
  const hasAll = `${item} IN (SELECT ${owner} FROM ${from} WHERE ${isWanted} GROUP BY ${owner} HAVING COUNT(*) = ?)`;
  const hasNoOther = `NOT EXISTS (SELECT 1 FROM ${from} WHERE ${owner} = ${item} AND NOT ${isWanted})`;
  const { parameter, count } = wanted;
  switch (match) {
    case MATCH_ANY:
      return { text: shares, parameters: [parameter] };
    case MATCH_SUBSET:
      return { text: `${shares} AND ${hasNoOther}`, parameters: [parameter, parameter] };
    case MATCH_SUPERSET:
      return { text: hasAll, parameters: [parameter, count] };
    case MATCH_EXACT:
      return { text: `${hasAll} AND ${hasNoOther}`, parameters: [parameter, count, parameter] };
    default:
      throw invalidArgument("MATCH_BEHAVIOR", `unhandled match behavior "${match}"`);
  }
}

/** All of the conditions; true when there are none. */
export function allOf(conditions: readonly (Condition | undefined)[]): Condition {
  const given = conditions.filter((condition) => condition !== undefined);
  if (given.length === 0) return { text: "1 = 1", parameters: [] };
  return {
    text: given.map(({ text }) => text).join(" AND "),
    parameters: given.flatMap(({ parameters }) => parameters),
  };
}
