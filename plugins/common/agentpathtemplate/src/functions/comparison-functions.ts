import { compareOctets, Dict, isList, isTrue, kindOf, type Value } from "../value.ts";
import { any, text, whole } from "./arguments.ts";
import { type Functions, takes } from "./template-function.ts";

/** Go's own functions of truth, order and place. */
export const comparisonFunctions: Functions = {
  // Carried out by the template itself, which looks no further than it must.
  and: takes({ atLeast: 1 }, any),
  or: takes({ atLeast: 1 }, any),
  not: takes(1, (value) => !isTrue(any(value))),
  eq: takes({ atLeast: 2 }, (first, ...others) => others.some((other) => equals(any(first), other))),
  ne: takes(2, (left, right) => !equals(any(left), any(right))),
  lt: takes(2, (left, right) => order(left, right) < 0),
  le: takes(2, (left, right) => order(left, right) <= 0),
  gt: takes(2, (left, right) => order(left, right) > 0),
  ge: takes(2, (left, right) => order(left, right) >= 0),
  len: takes(1, (value) => {
    if (typeof value === "string") return value.length;
    if (value !== undefined && isList<Value>(value)) return value.length;
    if (value instanceof Dict) return value.size;
    throw new TypeError(`len of ${kindOf(value)}`);
  }),
  index: takes({ atLeast: 1 }, (value, ...keys) => {
    if (value === null) throw new TypeError("index of untyped nil");
    return keys.reduce(entryOf, any(value));
  }),
  call: takes({ atLeast: 1 }, () => {
    throw new TypeError("call of non-function");
  }),
};

function equals(left: Value, right: Value): boolean {
  if (left === null || right === null) return left === right;
  if (typeof left !== typeof right) throw incomparable(left, right);
  if (typeof left === "object") throw new TypeError(`non-comparable type: ${kindOf(left)}`);
  return left === right;
}

function order(left: Value | undefined, right: Value | undefined): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") return compareOctets(left, right);
  throw typeof left === typeof right
    ? new TypeError("invalid type for comparison")
    : incomparable(left, right);
}

function incomparable(left: Value | undefined, right: Value | undefined): TypeError {
  return new TypeError(`incompatible types for comparison: ${kindOf(left)} and ${kindOf(right)}`);
}

function entryOf(value: Value, key: Value): Value {
  if (value instanceof Dict) return value.get(text(key)) ?? value.zero;
  if (typeof value !== "string" && !isList<Value>(value))
    throw new TypeError(`can't index item of ${kindOf(value)}`);
  const found = typeof value === "string" ? value.charCodeAt(whole(key)) : value[whole(key)];
  if (found === undefined || Number.isNaN(found)) throw new TypeError(`index out of range: ${whole(key)}`);
  return found;
}
