import type { Budget } from "../budget.ts";
import { put } from "../deep.ts";
import { checkDepth, Dict, printed, type Value } from "../value.ts";
import { any, dict, text } from "./arguments.ts";
import { isEmpty } from "./choice-functions.ts";
import { type Functions, type TemplateFunction, takes, takesWork } from "./template-function.ts";

const merge = merging(false);
const mergeOverwrite = merging(true);

/** Sprig's functions on maps; `must…` is the same, as every mistake is an error here. Go's order of keys is any. */
export const mapFunctions: Functions = {
  dict: takes({ atLeast: 0 }, (...pairs) => {
    const map = new Dict();
    for (let at = 0; at < pairs.length; at += 2)
      map.set(printed(any(pairs[at])), at + 1 < pairs.length ? any(pairs[at + 1]) : "");
    return map;
  }),
  get: takes(2, (map, key) => (dict(map).has(text(key)) ? any(dict(map).get(text(key))) : "")),
  set: takesWork(3, ([map, key, value], budget) => put(dict(map), [text(key), any(value)], budget)),
  unset: takes(2, (map, key) => {
    dict(map).delete(text(key));
    return dict(map);
  }),
  hasKey: takes(2, (map, key) => dict(map).has(text(key))),
  pluck: takes({ atLeast: 1 }, (key, ...maps) =>
    maps.flatMap((map) => (dict(map).has(text(key)) ? [any(dict(map).get(text(key)))] : [])),
  ),
  keys: takes({ atLeast: 0 }, (...maps) => maps.flatMap((map) => [...dict(map).keys()])),
  values: takes(1, (map) => [...dict(map).values()]),
  pick: takes({ atLeast: 1 }, (map, ...keys) =>
    keys.reduce((picked: Dict, key) => {
      const found = dict(map).get(text(key));
      return found === undefined ? picked : picked.set(text(key), found);
    }, new Dict()),
  ),
  omit: takes({ atLeast: 1 }, (map, ...keys) => {
    const omitted = new Set(keys.map(text));
    return new Dict([...dict(map)].filter(([key]) => !omitted.has(key)));
  }),
  dig: takes({ atLeast: 3 }, (...given) => {
    const [keys, fallback, map] = [given.slice(0, -2), given.at(-2), given.at(-1)];
    let value: Value = dict(map);
    for (const key of keys) {
      const found: Value | undefined = dict(value).get(text(key));
      if (found === undefined) return any(fallback);
      value = found;
    }
    return value;
  }),
  merge,
  mustMerge: merge,
  mergeOverwrite,
  mustMergeOverwrite: mergeOverwrite,
};

function merging(overwrites: boolean): TemplateFunction {
  return takesWork({ atLeast: 1 }, ([into, ...others], budget) => {
    for (const other of others) mergeInto(dict(into), dict(other), { overwrites, budget, depth: 0 });
    return dict(into);
  });
}

/** Adds what is not there, or empty there; in maps of maps the same. */
function mergeInto(into: Dict, other: Dict, options: MergeOptions): void {
  const { overwrites, budget, depth } = options;
  checkDepth(depth);
  for (const [key, value] of other) {
    budget.spend(1);
    const before = into.get(key);
    if (value instanceof Dict && before instanceof Dict && !isEmpty(before)) {
      if (before !== value) mergeInto(before, value, { ...options, depth: depth + 1 });
      continue;
    }
    const isTaken = before === undefined || isEmpty(before) || overwrites;
    if (isTaken && (value !== null || overwrites)) put(into, [key, value], budget);
  }
}

interface MergeOptions {
  readonly overwrites: boolean;
  readonly budget: Budget;
  readonly depth: number;
}
