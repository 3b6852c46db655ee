import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KnownKeys, type ShownKey } from "./known-keys.ts";

const key = (id: string, pkix = id, fingerprint = pkix): ShownKey => ({
  id,
  pkixData: Buffer.from(pkix),
  fingerprint,
});

function knowing(...keys: readonly ShownKey[]): KnownKeys {
  const known = new KnownKeys();
  for (const each of keys) known.remember(each);
  return known;
}

describe("KnownKeys.examine()", () => {
  for (const [what, there] of [
    ["the same keys", [key("a"), key("b")]],
    ["more keys", [key("c"), key("b"), key("a")]],
  ] as const)
    it(`takes ${what}`, () => {
      assert.deepEqual(knowing(key("a"), key("b")).examine(there, { mayBeGone: false }), new Set());
    });

  for (const [what, there, words, mayBeGone] of [
    ["a key that is gone", [key("a")], '"b" is gone', false],
    ["another key behind an id", [key("a"), key("b", "x", "b")], '"b" is another', false],
    ["another fingerprint", [key("a"), key("b", "b", "x")], '"b" is another', false],
    ["all that is wrong", [key("a", "x")], '"b" is gone, "a" is another', false],
    ["another key, also where keys may be gone", [key("b", "x")], '"a" is gone, "b" is another', true],
  ] as const)
    it(`refuses ${what}`, () => {
      const known = knowing(key("a"), key("b"));
      const refusal = {
        code: 9,
        reason: "PLUGIN_REFUSED",
        message: `it came back with other keys than it had (${words}); it is used again when it has them`,
      };
      assert.throws(() => known.examine(there, { mayBeGone }), refusal);
      // And the next process, too.
      assert.throws(() => known.examine(there, { mayBeGone }), refusal);
    });

  it("says which are gone where they may be, once", () => {
    const known = knowing(key("a"), key("b"));
    assert.deepEqual(known.examine([key("b")], { mayBeGone: true }), new Set(["a"]));
    assert.deepEqual(known.examine([key("b")], { mayBeGone: true }), new Set());
  });

  it("asks only for what it was last shown, and did not forget", () => {
    const known = knowing(key("a"), key("b"), key("b", "new"));
    known.forget("a");
    assert.deepEqual(known.examine([key("b", "new")], { mayBeGone: false }), new Set());
  });
});
