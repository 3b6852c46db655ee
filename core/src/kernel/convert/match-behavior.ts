import { SelectorMatch_MatchBehavior } from "@finial/proto/api/types/selector";
import { Code, StatusError } from "@finial/sdk";

/** How a list in a filter is compared with an item's own list. */
export type MatchBehavior = "exact" | "subset" | "superset" | "any";

const behaviors: { readonly [wire: number]: MatchBehavior } = {
  [SelectorMatch_MatchBehavior.MATCH_EXACT]: "exact",
  [SelectorMatch_MatchBehavior.MATCH_SUBSET]: "subset",
  [SelectorMatch_MatchBehavior.MATCH_SUPERSET]: "superset",
  [SelectorMatch_MatchBehavior.MATCH_ANY]: "any",
};

/**
 * The match behavior of a selector or federation filter, whose enums are alike.
 *
 * @throws {StatusError} InvalidArgument for a number that has no meaning.
 */
export function fromWireMatchBehavior(wire: number): MatchBehavior {
  const behavior = behaviors[wire];
  if (behavior !== undefined) return behavior;
  throw new StatusError(Code.InvalidArgument, "MATCH_BEHAVIOR", `unhandled match behavior "${wire}"`);
}
