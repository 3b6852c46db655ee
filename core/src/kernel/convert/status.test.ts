import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SelectorMatch_MatchBehavior } from "@finial/proto/api/types/selector";
import { Code, StatusError } from "@finial/sdk";
import { fromWireMatchBehavior } from "./match-behavior.ts";
import { okStatus, toWireStatus } from "./status.ts";

describe("toWireStatus()", () => {
  it("keeps code and message", () => {
    assert.deepEqual(toWireStatus(new StatusError(Code.NotFound, "X", "not here")), {
      code: 5,
      message: "not here",
    });
    assert.deepEqual(toWireStatus(new Error("broken")), { code: 2, message: "broken" });
    assert.deepEqual(okStatus, { code: 0, message: "OK" });
  });
});

describe("fromWireMatchBehavior()", () => {
  it("knows each", () => {
    const values = Object.values(SelectorMatch_MatchBehavior).map(fromWireMatchBehavior);
    assert.deepEqual(values, ["exact", "subset", "superset", "any"]);
  });

  it("rejects a number without meaning", () => {
    assert.throws(() => fromWireMatchBehavior(4), { message: 'unhandled match behavior "4"' });
  });
});
