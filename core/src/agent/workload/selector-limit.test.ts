import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code } from "@finial/sdk";
import { parseSelector } from "@finial/sdk/spiffe";
import { FakeClock } from "@finial/sdk/testing";
import { SelectorLimit } from "./selector-limit.ts";

const one = [parseSelector("unix:uid:1"), parseSelector("unix:gid:1")];

/** How many of `count` calls at once are let through. */
function countTaken(limit: SelectorLimit, count: number, selectors = one): number {
  let taken = 0;
  for (let call = 0; call < count; call++)
    try {
      limit.take("/m", selectors);
      taken++;
    } catch (error) {
      assert.deepEqual(
        { ...(error as object), message: (error as Error).message },
        {
          name: "StatusError",
          code: Code.Unavailable,
          reason: "RATE_LIMIT",
          source: "plugin",
          details: [],
          message: "rate limit exceeded for /m",
        },
      );
    }
  return taken;
}

describe("SelectorLimit.take()", () => {
  it("lets any number through when there is no limit", () => {
    assert.equal(countTaken(new SelectorLimit(0, new FakeClock()), 1000), 1000);
  });

  it("lets as many through at once as in a second, and then as time goes by", async () => {
    const clock = new FakeClock();
    const limit = new SelectorLimit(4, clock);
    assert.equal(countTaken(limit, 10), 4);
    await clock.advance(249);
    assert.equal(countTaken(limit, 10), 0);
    await clock.advance(251);
    assert.equal(countTaken(limit, 10), 2);
    await clock.advance(3_600_000);
    assert.equal(countTaken(limit, 10), 4);
  });

  it("counts callers with the same selectors together, in whatever order, and others apart", () => {
    const limit = new SelectorLimit(2, new FakeClock());
    assert.equal(countTaken(limit, 1), 1);
    assert.equal(countTaken(limit, 2, [...one].reverse()), 1);
    assert.equal(countTaken(limit, 3, one.slice(0, 1)), 2);
    assert.equal(countTaken(limit, 3, []), 2);
  });

  it("tells selectors apart whose texts run together", () => {
    const limit = new SelectorLimit(1, new FakeClock());
    const sets = [
      [{ type: "a", value: "bc" }],
      [{ type: "ab", value: "c" }],
      [{ type: "a", value: 'b"],["c' }],
      [
        { type: "a", value: "b" },
        { type: "c", value: "" },
      ],
    ];
    assert.deepEqual(
      sets.map((selectors) => countTaken(limit, 2, selectors)),
      [1, 1, 1, 1],
    );
  });

  it("does not forget who calls all the time, however long", async () => {
    const clock = new FakeClock();
    const limit = new SelectorLimit(1000, clock);
    for (let minute = 0; minute < 3; minute++) {
      await clock.advance(59_999);
      assert.equal(countTaken(limit, 2000), 1000);
      await clock.advance(1);
      assert.equal(countTaken(limit, 2000), 1);
    }
  });
});
