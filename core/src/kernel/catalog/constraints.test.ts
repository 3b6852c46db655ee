import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  anyNumber,
  atLeastOne,
  atMostOne,
  type Constraint,
  exactlyOne,
  findViolation,
} from "./constraints.ts";

describe("findViolation()", () => {
  const cases: readonly [what: string, Constraint, violations: readonly (string | undefined)[]][] = [
    ["exactly one", exactlyOne, ["expected exactly 1 but got 0", undefined, "expected exactly 1 but got 2"]],
    ["at most one", atMostOne, [undefined, undefined, "expected at most 1 but got 2"]],
    ["at least one", atLeastOne, ["expected at least 1 but got 0", undefined, undefined]],
    ["any number", anyNumber, [undefined, undefined, undefined]],
    [
      "two to three",
      { min: 2, max: 3 },
      [
        "expected at least 2 but got 0",
        "expected at least 2 but got 1",
        undefined,
        undefined,
        "expected at most 3 but got 4",
      ],
    ],
  ];
  for (const [what, constraint, violations] of cases)
    it(`says in SPIRE's words what is against ${what}`, () => {
      assert.deepEqual(
        violations.map((_, count) => findViolation(constraint, count)),
        violations,
      );
    });
});
