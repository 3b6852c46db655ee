import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  checkSelector,
  compareSelectors,
  formatSelector,
  isSelectorSubset,
  parseSelector,
  type Selector,
  selectorSet,
} from "./selector.ts";

describe("parseSelector()", () => {
  it("splits at the first colon", () => {
    assert.deepEqual(parseSelector("unix:uid:1000"), { type: "unix", value: "uid:1000" });
    assert.deepEqual(parseSelector("k8s:ns:"), { type: "k8s", value: "ns:" });
  });

  it("refuses what is none", () => {
    const cases: [string, string, string][] = [
      ["unix", "SELECTOR_FORMAT", 'selector "unix" must be formatted as type:value'],
      ["", "SELECTOR_FORMAT", 'selector "" must be formatted as type:value'],
      [":uid", "SELECTOR_TYPE", "missing selector type"],
      ["unix:", "SELECTOR_VALUE", "missing selector value"],
    ];
    for (const [text, reason, message] of cases)
      assert.throws(() => parseSelector(text), { code: 3, reason, message });
    assert.throws(() => checkSelector({ type: "a:b", value: "c" }), {
      reason: "SELECTOR_TYPE_COLON",
      message: "selector type contains ':'",
    });
  });

  it("reads what formatSelector() writes", () => {
    const type = fc.string({ minLength: 1 }).filter((text) => !text.includes(":"));
    const value = fc.string({ minLength: 1 });
    fc.assert(
      fc.property(type, value, (type, value) => {
        assert.deepEqual(parseSelector(formatSelector({ type, value })), { type, value });
      }),
    );
  });
});

describe("compareSelectors()", () => {
  it("orders by type, then value", () => {
    const selectors: Selector[] = ["b:a", "a:c", "a:B", "a:b"].map(parseSelector);
    assert.deepEqual(selectors.sort(compareSelectors).map(formatSelector), ["a:B", "a:b", "a:c", "b:a"]);
    assert.equal(compareSelectors({ type: "a", value: "b" }, { type: "a", value: "b" }), 0);
  });
});

describe("isSelectorSubset()", () => {
  it("asks for every selector, case and all", () => {
    const held = selectorSet(["unix:uid:0", "unix:gid:0"].map(parseSelector));
    assert.ok(isSelectorSubset([parseSelector("unix:uid:0")], held));
    assert.ok(!isSelectorSubset(["unix:uid:0", "unix:uid:1"].map(parseSelector), held));
    assert.ok(!isSelectorSubset([parseSelector("unix:UID:0")], held));
    assert.ok(isSelectorSubset([], held));
  });
});
