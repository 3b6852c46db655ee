import { takes } from "./arguments.ts";
import type { TemplateFunction } from "./functions.ts";
import { isEmpty, kindOf, type TemplateValue } from "./value.ts";

/** Go's own comparisons, and sprig's choices. */
export const comparisonFunctions: Readonly<Record<string, TemplateFunction>> = {
  // Carried out by the template itself, which stops early.
  and: takes({ atLeast: 1 }, (first) => first as TemplateValue),
  or: takes({ atLeast: 1 }, (first) => first as TemplateValue),
  not: takes(1, (value) => isEmpty(value as TemplateValue)),
  eq: takes({ atLeast: 2 }, (first, ...others) => others.some((other) => order(first, other) === 0)),
  ne: takes(2, (left, right) => order(left, right) !== 0),
  lt: takes(2, (left, right) => order(left, right) < 0),
  le: takes(2, (left, right) => order(left, right) <= 0),
  gt: takes(2, (left, right) => order(left, right) > 0),
  ge: takes(2, (left, right) => order(left, right) >= 0),
  default: takes(
    2,
    (fallback, value) => (isEmpty(value as TemplateValue) ? fallback : value) as TemplateValue,
  ),
  empty: takes(1, (value) => isEmpty(value as TemplateValue)),
  coalesce: takes({ atLeast: 1 }, (...values) => values.find((value) => !isEmpty(value)) ?? ""),
  ternary: takes(3, (yes, no, condition) => {
    if (typeof condition !== "boolean") throw new TypeError("the last argument must be a bool");
    return (condition ? yes : no) as TemplateValue;
  }),
  all: takes({ atLeast: 1 }, (...values) => !values.some(isEmpty)),
  any: takes({ atLeast: 1 }, (...values) => !values.every(isEmpty)),
  fail: takes(1, (message) => {
    throw new TypeError(String(message));
  }),
};

function order(left: TemplateValue | undefined, right: TemplateValue | undefined): number {
  if (left === undefined || right === undefined || typeof left !== typeof right)
    throw new TypeError("incompatible types for comparison");
  if (typeof left === "object") throw new TypeError(`${kindOf(left)} cannot be compared`);
  return left === right ? 0 : left < (right as typeof left) ? -1 : 1;
}
