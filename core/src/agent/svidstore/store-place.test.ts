import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSelector } from "@finial/sdk/spiffe";
import { findPlaceKey, parseStorePlace } from "./store-place.ts";

const selectors = (...texts: string[]) => texts.map(parseSelector);

describe("parseStorePlace()", () => {
  it("names the plugin by the selectors' type, and the place by their values, in order", () => {
    assert.deepEqual(parseStorePlace(selectors("aws:region:eu-1", "aws:name:a:b")), {
      store: "aws",
      metadata: ["region:eu-1", "name:a:b"],
    });
  });

  const refused = [
    { title: "no selectors", given: [], message: "no selectors found" },
    { title: "two types", given: ["aws:a", "gcp:b"], message: "selector contains multiple types" },
  ];
  for (const { title, given, message } of refused)
    it(`refuses ${title}`, () => {
      assert.throws(() => parseStorePlace(selectors(...given)), { reason: "STORE_PLACE", message });
      assert.equal(findPlaceKey(selectors(...given)), undefined);
    });
});

describe("findPlaceKey()", () => {
  it("does not heed the order of selectors", () => {
    assert.equal(findPlaceKey(selectors("a:1", "a:2")), findPlaceKey(selectors("a:2", "a:1")));
  });

  it("tells places apart whose values run together", () => {
    const keys = [["a:b", "a:c"], ["a:bc"], ["a:b,c"], ['a:b","c'], ["b:b", "b:c"]].map((texts) =>
      findPlaceKey(selectors(...texts)),
    );
    assert.equal(new Set(keys).size, keys.length);
  });
});
