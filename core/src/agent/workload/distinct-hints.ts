import type { AuthorizedEntry } from "../cache/authorized-entry.ts";

/**
 * Of several items with the same hint, the one whose entry is the oldest: a workload chooses among its identities by their hints.
 *
 * @see SPIFFE Workload API, section 5.2.1: hints are unique within a response
 */
export function withDistinctHints<T>(
  items: readonly T[],
  entryOf: (item: T) => AuthorizedEntry,
): readonly T[] {
  const chosen = new Map<string, AuthorizedEntry>();
  for (const item of items) {
    const entry = entryOf(item);
    const other = chosen.get(entry.hint);
    if (entry.hint !== "" && (other === undefined || isOlder(entry, other))) chosen.set(entry.hint, entry);
  }
  return items.filter((item) => {
    const entry = entryOf(item);
    return entry.hint === "" || chosen.get(entry.hint) === entry;
  });
}

function isOlder(one: AuthorizedEntry, other: AuthorizedEntry): boolean {
  const [oneMs, otherMs] = [one, other].map(({ createdAt }) => createdAt?.getTime() ?? 0) as [number, number];
  return oneMs === otherMs ? one.id < other.id : oneMs < otherMs;
}
