import type { Budget } from "../budget.ts";
import { deepEquals } from "../deep.ts";
import { checkLength } from "../length.ts";
import { compareOctets, isList, printed, type Value } from "../value.ts";
import { any, list, text, texts, whole } from "./arguments.ts";
import { isEmpty } from "./choice-functions.ts";
import { type Functions, takes, takesWork } from "./template-function.ts";

const first = takes(1, (values) => any(list(values)[0]));
const last = takes(1, (values) => any(list(values).at(-1)));
const rest = takes(1, (values) => list(values).slice(1));
const initial = takes(1, (values) => list(values).slice(0, -1));
const reverse = takes(1, (values) => list(values).toReversed());
const has = takesWork(
  2,
  ([needle, values], budget) => values !== null && includes(list(values), any(needle), budget),
);
const without = takesWork({ atLeast: 1 }, ([values, ...others], budget) =>
  list(values).filter((value) => !includes(others, value, budget)),
);
const append = takes(2, (values, value) => [...list(values), any(value)]);
const prepend = takes(2, (values, value) => [any(value), ...list(values)]);
const compact = takes(1, (values) => list(values).filter((value) => !isEmpty(value)));
const make = takes({ atLeast: 0 }, (...values) => values);
const uniq = takesWork(1, ([values], budget) => {
  const kept: Value[] = [];
  for (const value of list(values)) if (!includes(kept, value, budget)) kept.push(value);
  return kept;
});
const slice = takes({ atLeast: 1 }, (values, ...indices) => {
  const all = list(values);
  if (all.length === 0) return null;
  const start = position(indices[0] ?? 0);
  const end = indices.length < 2 ? all.length : position(any(indices[1]));
  if (start < 0 || end < start || end > all.length) throw new TypeError("slice index out of bounds");
  return all.slice(start, end);
});
const chunk = takes(2, (size, values) => {
  const width = whole(size);
  if (width <= 0) throw new TypeError("a chunk has at least one item");
  const all = list(values);
  return Array.from({ length: Math.ceil(all.length / width) }, (_, index) =>
    all.slice(index * width, (index + 1) * width),
  );
});

/** Sprig's functions on lists; `must…` is the same, as every mistake is an error here. */
export const listFunctions: Functions = {
  list: make,
  tuple: make,
  splitList: takes(2, (separator, value) => {
    if (text(separator) !== "") return text(value).split(text(separator));
    return Array.from(Buffer.from(text(value), "latin1").toString("utf8"), (letter) =>
      Buffer.from(letter, "utf8").toString("latin1"),
    );
  }),
  join: takes(2, (separator, values) => {
    const all = texts(values);
    checkLength(all.reduce((sum, each) => sum + each.length + text(separator).length, 0));
    return all.join(text(separator));
  }),
  sortAlpha: takes(1, (values) =>
    values !== undefined && isList<Value>(values)
      ? texts(values).toSorted(compareOctets)
      : [printed(any(values))],
  ),
  toStrings: takes(1, texts),
  concat: takes({ atLeast: 0 }, (...lists) => lists.flatMap(list)),
  first,
  mustFirst: first,
  last,
  mustLast: last,
  rest,
  mustRest: rest,
  initial,
  mustInitial: initial,
  reverse,
  mustReverse: reverse,
  uniq,
  mustUniq: uniq,
  has,
  mustHas: has,
  without,
  mustWithout: without,
  append,
  push: append,
  mustAppend: append,
  mustPush: append,
  prepend,
  mustPrepend: prepend,
  compact,
  mustCompact: compact,
  slice,
  mustSlice: slice,
  chunk,
  mustChunk: chunk,
};

function includes(values: readonly Value[], wanted: Value, budget: Budget): boolean {
  return values.some((value) => deepEquals(value, wanted, budget));
}

/** Sprig takes what reads as a number for one, and anything else for 0. */
function position(value: Value): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return /^-?[0-9]+$/.test(value) ? Number(value) : 0;
  return value === true ? 1 : 0;
}
