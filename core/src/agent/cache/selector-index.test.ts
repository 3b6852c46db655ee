import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isSelectorSubset, parseSelector, selectorSet } from "@finial/sdk/spiffe";
import fc from "fast-check";
import { EntryRecord } from "./entry-record.ts";
import { fakeEntry } from "./fake-entry.ts";
import { SelectorIndex } from "./selector-index.ts";

/** Few, so that they meet; some whose texts are alike. */
const texts = ["a:1", "a:2", "b:1", "a:1:b", "ab:1", "a:b:1", "c:"] as const;
const selector = fc.constantFrom(...texts.slice(0, 6));
const someSelectors = fc.uniqueArray(selector, { maxLength: 4 });

const idsOf = (records: Iterable<EntryRecord>): readonly string[] => [...records].map(({ id }) => id).sort();

describe("SelectorIndex", () => {
  it("finds exactly the records whose selectors are all held, each once, whatever came and went before", () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ add: fc.array(selector, { minLength: 1, maxLength: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ remove: fc.nat() }) },
      {
        weight: 1,
        arbitrary: fc.record({ replace: fc.nat(), by: fc.array(selector, { minLength: 1, maxLength: 4 }) }),
      },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 30 }),
        fc.array(someSelectors, { minLength: 1 }),
        (steps, workloads) => {
          const index = new SelectorIndex();
          const records: EntryRecord[] = [];
          for (const [at, each] of steps.entries()) {
            if ("add" in each) {
              const record = new EntryRecord(fakeEntry(`e${at}`, { selectors: each.add }));
              records.push(record);
              index.add(record);
            } else if ("remove" in each) {
              const [record] = records.splice(each.remove % (records.length || 1), 1);
              if (record !== undefined) index.delete(record);
            } else {
              const record = records[each.replace % (records.length || 1)];
              if (record === undefined) continue;
              index.delete(record);
              record.entry = fakeEntry(record.id, { selectors: each.by });
              index.add(record);
            }
          }
          for (const workload of workloads) {
            const held = selectorSet(workload.map(parseSelector));
            const expected = records.filter(({ entry }) => isSelectorSubset(entry.selectors, held));
            assert.deepEqual(idsOf(index.matching(held)), idsOf(expected));
          }
        },
      ),
    );
  });

  it("finds a record that was deleted no more, even by a selector that it had when it was added", () => {
    const index = new SelectorIndex();
    const record = new EntryRecord(fakeEntry("a", { selectors: ["a:1"] }));
    index.add(record);
    record.entry = fakeEntry("a", { selectors: ["a:2"] });
    index.delete(record);
    index.delete(record);
    assert.deepEqual(idsOf(index.matching(new Set(["a:1", "a:2"]))), []);
  });

  it("gives a record without selectors to nobody", () => {
    const index = new SelectorIndex();
    const record = new EntryRecord(fakeEntry("a", { selectors: [] }));
    index.add(record);
    assert.deepEqual(idsOf(index.matching(new Set(texts))), []);
    assert.deepEqual([record.matches(new Set(texts)), record.matches(new Set())], [false, false]);
  });
});
