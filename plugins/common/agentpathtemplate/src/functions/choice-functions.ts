import { isTrue, Struct, type Value } from "../value.ts";
import { any, text, truth } from "./arguments.ts";
import { type Functions, takes } from "./template-function.ts";

/** Sprig's choices. */
export const choiceFunctions: Functions = {
  default: takes({ atLeast: 1 }, (fallback, ...given) =>
    isEmpty(any(given[0])) ? any(fallback) : any(given[0]),
  ),
  empty: takes(1, (value) => isEmpty(any(value))),
  coalesce: takes({ atLeast: 0 }, (...values) => values.find((value) => !isEmpty(value)) ?? null),
  all: takes({ atLeast: 0 }, (...values) => !values.some(isEmpty)),
  any: takes({ atLeast: 0 }, (...values) => !values.every(isEmpty)),
  ternary: takes(3, (yes, no, condition) => (truth(condition) ? any(yes) : any(no))),
  fail: takes(1, (message) => {
    throw new TypeError(text(message));
  }),
};

/** Zero, false, and everything without anything in it. */
export function isEmpty(value: Value): boolean {
  return !(value instanceof Struct) && !isTrue(value);
}
