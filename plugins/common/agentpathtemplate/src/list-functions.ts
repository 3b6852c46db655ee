import { list, printed, takes, text, whole } from "./arguments.ts";
import type { TemplateFunction } from "./functions.ts";
import { isEmpty, isMap, type TemplateValue } from "./value.ts";

const first = takes(1, (values) => list(values)[0] ?? "");
const last = takes(1, (values) => list(values).at(-1) ?? "");
const rest = takes(1, (values) => list(values).slice(1));
const initial = takes(1, (values) => list(values).slice(0, -1));
const reverse = takes(1, (values) => list(values).toReversed());
const uniq = takes(1, (values) => [...new Set(list(values))]);
const has = takes(2, (needle, values) => list(values).includes(needle as TemplateValue));
const without = takes({ atLeast: 1 }, (values, ...others) =>
  list(values).filter((value) => !others.includes(value)),
);
const append = takes(2, (values, value) => [...list(values), value as TemplateValue]);
const prepend = takes(2, (values, value) => [value as TemplateValue, ...list(values)]);
const compact = takes(1, (values) => list(values).filter((value) => !isEmpty(value)));
const make = takes({ atLeast: 0 }, (...values) => values);

/** Go's own and sprig's functions on lists and maps; `must…` is the same, as every mistake is an error here. */
export const listFunctions: Readonly<Record<string, TemplateFunction>> = {
  index: takes({ atLeast: 1 }, (value, ...keys) => keys.reduce(entryOf, value as TemplateValue)),
  list: make,
  tuple: make,
  dict: takes({ atLeast: 0 }, (...pairs) => {
    const map = new Map<string, TemplateValue>();
    for (let at = 0; at < pairs.length; at += 2) map.set(printed(pairs[at]), pairs[at + 1] ?? "");
    return map;
  }),
  get: takes(2, (map, key) => mapOf(map).get(text(key)) ?? ""),
  hasKey: takes(2, (map, key) => mapOf(map).has(text(key))),
  splitList: takes(2, (separator, value) => text(value).split(text(separator))),
  join: takes(2, (separator, values) =>
    typeof values === "object" && !isMap(values)
      ? values.map(printed).join(text(separator))
      : printed(values),
  ),
  sortAlpha: takes(1, (values) =>
    list(values)
      .map(printed)
      .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
  ),
  toStrings: takes(1, (values) => list(values).map(printed)),
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
};

function entryOf(value: TemplateValue, key: TemplateValue): TemplateValue {
  if (isMap(value)) return value.get(text(key)) ?? "";
  const found = list(value)[whole(key)];
  if (found === undefined) throw new TypeError(`index out of range: ${whole(key)}`);
  return found;
}

function mapOf(value: TemplateValue | undefined): ReadonlyMap<string, TemplateValue> {
  if (value !== undefined && isMap(value)) return value;
  throw new TypeError("expected a map");
}
