import type { Entry } from "@finial/proto/api/types/entry";
import type { Selector } from "@finial/proto/api/types/selector";
import { compareSelectors } from "@finial/sdk/spiffe";

/** Entries by SPIFFE ID, parent, TTLs and selectors, and the selectors of each in order. */
export function sortEntries(entries: readonly Entry[]): Entry[] {
  return entries
    .map((entry) => ({ ...entry, selectors: entry.selectors.toSorted(compareSelectors) }))
    .sort(compareEntries);
}

function compareEntries(one: Entry, other: Entry): number {
  return (
    compareTexts(one.spiffeId?.trustDomain, other.spiffeId?.trustDomain) ||
    compareTexts(one.spiffeId?.path, other.spiffeId?.path) ||
    compareTexts(one.parentId?.trustDomain, other.parentId?.trustDomain) ||
    compareTexts(one.parentId?.path, other.parentId?.path) ||
    one.x509SvidTtl - other.x509SvidTtl ||
    one.jwtSvidTtl - other.jwtSvidTtl ||
    compareLists(one.selectors, other.selectors)
  );
}

/** The shorter list first, as SPIRE has it. */
function compareLists(one: readonly Selector[], other: readonly Selector[]): number {
  if (one.length !== other.length) return one.length - other.length;
  for (const [index, selector] of one.entries()) {
    const order = compareSelectors(selector, other[index] ?? selector);
    if (order !== 0) return order;
  }
  return 0;
}

function compareTexts(one = "", other = ""): number {
  return one === other ? 0 : one < other ? -1 : 1;
}
