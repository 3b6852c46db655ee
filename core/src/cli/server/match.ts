import { SelectorMatch_MatchBehavior as MatchBehavior } from "@finial/proto/api/types/selector";
import { parseSelector } from "@finial/sdk/spiffe";
import { text } from "../flag.ts";
import { usageError } from "../usage-error.ts";

export const matchFlag = (what: string) =>
  text(`How to compare ${what}: exact, any, superset or subset`, "superset");

const behaviors: Readonly<Record<string, MatchBehavior>> = {
  exact: MatchBehavior.MATCH_EXACT,
  any: MatchBehavior.MATCH_ANY,
  superset: MatchBehavior.MATCH_SUPERSET,
  subset: MatchBehavior.MATCH_SUBSET,
};

/** The number means the same for selectors and trust domains. */
export function parseMatch(word: string): MatchBehavior {
  const behavior = Object.hasOwn(behaviors, word) ? behaviors[word] : undefined;
  if (behavior === undefined) throw usageError(`match behavior "${word}" unknown`);
  return behavior;
}

/** Selectors as typed: everything after the first colon is the value. */
export function parseSelectors(words: readonly string[]): { type: string; value: string }[] {
  return words.map((word) => ({ ...parseSelector(word) }));
}

/** For "1 entry", "2 entries". */
export function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}
