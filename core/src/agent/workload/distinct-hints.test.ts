import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fakeEntry } from "../cache/fake-entry.ts";
import { withDistinctHints } from "./distinct-hints.ts";

/** @param text `id:hint@seconds`; without a time: none is known. */
function entry(text: string) {
  const [, id = "", hint = "", seconds] = /^(\w+):(\w*)(?:@(\d+))?$/.exec(text) ?? [];
  return fakeEntry(id, {
    hint,
    createdAt: seconds === undefined ? undefined : new Date(Number(seconds) * 1000),
  });
}

describe("withDistinctHints()", () => {
  const cases = [
    { title: "nothing of nothing", given: [], expected: [] },
    { title: "all without a hint", given: ["a:@1", "b:@1"], expected: ["a", "b"] },
    { title: "different hints", given: ["a:x@2", "b:y@1"], expected: ["a", "b"] },
    {
      title: "the oldest of a hint, where it stood",
      given: ["a:x@3", "b:@9", "c:x@1", "d:x@2"],
      expected: ["b", "c"],
    },
    { title: "the lowest ID of those made at once", given: ["b:x@1", "a:x@1"], expected: ["a"] },
    { title: "one whose time is not known as the oldest", given: ["a:x@1", "b:x"], expected: ["b"] },
    {
      title: "the oldest of each of two hints",
      given: ["a:x@2", "b:y@1", "c:x@1", "d:y@2"],
      expected: ["b", "c"],
    },
  ];
  for (const { title, given, expected } of cases)
    it(`keeps ${title}`, () => {
      const kept = withDistinctHints(given.map(entry), (item) => item);
      assert.deepEqual(
        kept.map(({ id }) => id),
        expected,
      );
    });

  it("keeps one of each hint, whatever the order", () => {
    const item = fc.record({ hint: fc.constantFrom("", "x", "y"), at: fc.nat(3) });
    fc.assert(
      fc.property(fc.array(item, { maxLength: 8 }), fc.nat(), (items, seed) => {
        const entries = items.map(({ hint, at }, index) =>
          fakeEntry(`e${index}`, { hint, createdAt: new Date(at * 1000) }),
        );
        const turn = entries.length === 0 ? 0 : seed % entries.length;
        const turned = [...entries.slice(turn), ...entries.slice(0, turn)];
        const ids = (list: typeof entries) =>
          withDistinctHints(list, (each) => each)
            .map(({ id }) => id)
            .sort();
        assert.deepEqual(ids(turned), ids(entries));
        const hints = withDistinctHints(entries, (each) => each).flatMap(({ hint }) => hint || []);
        assert.deepEqual(hints.sort(), [...new Set(items.flatMap(({ hint }) => hint || []))].sort());
      }),
    );
  });
});
