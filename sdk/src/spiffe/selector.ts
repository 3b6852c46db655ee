import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";

/** What an attestor found: `unix:uid:1000` has type `unix` and value `uid:1000`. Compared case-sensitively, both parts. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

/**
 * Parses `type:value`; the value may hold further colons.
 *
 * @throws {StatusError} InvalidArgument with a `SELECTOR_…` reason.
 */
export function parseSelector(text: string): Selector {
  const colon = text.indexOf(":");
  if (colon === -1)
    throw new StatusError(
      Code.InvalidArgument,
      "SELECTOR_FORMAT",
      `selector "${text}" must be formatted as type:value`,
    );
  return checkSelector({ type: text.slice(0, colon), value: text.slice(colon + 1) });
}

/**
 * Checks a selector from the wire.
 *
 * @throws {StatusError} InvalidArgument with a `SELECTOR_…` reason and SPIRE's sentence.
 */
export function checkSelector(selector: Selector): Selector {
  if (selector.type === "")
    throw new StatusError(Code.InvalidArgument, "SELECTOR_TYPE", "missing selector type");
  if (selector.type.includes(":"))
    throw new StatusError(Code.InvalidArgument, "SELECTOR_TYPE_COLON", "selector type contains ':'");
  if (selector.value === "")
    throw new StatusError(Code.InvalidArgument, "SELECTOR_VALUE", "missing selector value");
  return selector;
}

export function formatSelector(selector: Selector): string {
  return `${selector.type}:${selector.value}`;
}

/** Orders by type, then value, by code units. */
export function compareSelectors(left: Selector, right: Selector): number {
  if (left.type !== right.type) return left.type < right.type ? -1 : 1;
  return left.value === right.value ? 0 : left.value < right.value ? -1 : 1;
}

/** True when every selector of `needed` is among those `held`: the rule by which a workload gets an entry. */
export function isSelectorSubset(needed: readonly Selector[], held: ReadonlySet<string>): boolean {
  return needed.every((selector) => held.has(formatSelector(selector)));
}

/** The selectors as a set of `type:value` strings. */
export function selectorSet(selectors: readonly Selector[]): ReadonlySet<string> {
  return new Set(selectors.map(formatSelector));
}
