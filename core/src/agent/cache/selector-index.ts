import type { EntryRecord } from "./entry-record.ts";

/**
 * Finds the records whose selectors a workload holds. Each record is filed under one of its selectors, the one with the
 * fewest records: a workload that holds all of a record's selectors holds that one, too.
 */
export class SelectorIndex {
  readonly #bySelector = new Map<string, Set<EntryRecord>>();
  readonly #filedUnder = new Map<EntryRecord, string>();

  add(record: EntryRecord): void {
    const [first = "", ...others] = record.needed;
    const selector = others.reduce(
      (best, other) => (this.#count(other) < this.#count(best) ? other : best),
      first,
    );
    const filed = this.#bySelector.get(selector) ?? new Set();
    filed.add(record);
    this.#bySelector.set(selector, filed);
    this.#filedUnder.set(record, selector);
  }

  delete(record: EntryRecord): void {
    const selector = this.#filedUnder.get(record);
    if (selector === undefined) return;
    this.#filedUnder.delete(record);
    const filed = this.#bySelector.get(selector);
    filed?.delete(record);
    if (filed?.size === 0) this.#bySelector.delete(selector);
  }

  /** @param held the workload's selectors, as `type:value`. */
  *matching(held: ReadonlySet<string>): Iterable<EntryRecord> {
    for (const selector of held)
      for (const record of this.#bySelector.get(selector) ?? []) if (record.matches(held)) yield record;
  }

  #count(selector: string): number {
    return this.#bySelector.get(selector)?.size ?? 0;
  }
}
