import { RE2JS } from "re2js";
import type { Budget } from "../budget.ts";
import { checkLength } from "../length.ts";
import { characterLength, fromOctets, type Octets } from "../octets.ts";
import type { Value } from "../value.ts";
import { text, whole } from "./arguments.ts";
import type { Functions, TemplateFunction } from "./template-function.ts";

/** Of a pattern's length times the times it repeats what is in it: more takes longer to read than anything to match. */
const maxPatternSize = 20_000;
/** How many instructions on how many octets are as much work as one step. */
const matchingPerStep = 128;

function regex(count: number, call: (pattern: Pattern, given: readonly Value[]) => Value): TemplateFunction {
  return {
    min: count,
    max: count,
    call: ([pattern, ...given], budget) => call(new Pattern(text(pattern), budget), given),
  };
}

const match = regex(2, (pattern, [value]) => pattern.find(text(value), 1).length > 0);
const find = regex(2, (pattern, [value]) => pattern.find(text(value), 1)[0]?.text ?? "");
const findAll = regex(3, (pattern, [value, count]) =>
  pattern.find(text(value), limit(whole(count))).map((found) => found.text),
);
const replaceAll = regex(3, (pattern, [value, replacement]) =>
  pattern.replace(text(value), (found) => expanded(text(replacement), found)),
);
const replaceAllLiteral = regex(3, (pattern, [value, replacement]) =>
  pattern.replace(text(value), () => text(replacement)),
);
const split = regex(3, (pattern, [value, count]) => pattern.split(text(value), limit(whole(count))));

/** Sprig's regular expressions, which are Go's: of a time that grows with the text, not faster. */
export const regexFunctions: Functions = {
  regexMatch: match,
  mustRegexMatch: match,
  regexFind: find,
  mustRegexFind: find,
  regexFindAll: findAll,
  mustRegexFindAll: findAll,
  regexReplaceAll: replaceAll,
  mustRegexReplaceAll: replaceAll,
  regexReplaceAllLiteral: replaceAllLiteral,
  mustRegexReplaceAllLiteral: replaceAllLiteral,
  regexSplit: split,
  mustRegexSplit: split,
  regexQuoteMeta: {
    min: 1,
    max: 1,
    call: ([value]) => {
      checkLength(text(value).length * 2);
      return text(value).replaceAll(/[\\.+*?()|[\]{}^$]/g, "\\$&");
    },
  },
};

interface Found {
  readonly text: Octets;
  readonly start: number;
  readonly end: number;
  /** By number or name; undefined when there is no such group, or it took no part. */
  readonly group: (name: string) => Octets | undefined;
}

function limit(count: number): number {
  return count < 0 ? Number.POSITIVE_INFINITY : count;
}

/** Those of each execution, which may use them again and again. */
const patterns = new WeakMap<Budget, Map<string, RE2JS>>();

/** @throws {TypeError} for a pattern that is none, or too large. */
function compiled(source: string, budget: Budget): RE2JS {
  const known = patterns.get(budget) ?? new Map<string, RE2JS>();
  patterns.set(budget, known);
  const found = known.get(source);
  if (found !== undefined) return found;
  const repeats = Array.from(source.matchAll(/\{(\d+)(?:,(\d*))?\}/g), ([, least, most]) =>
    Number(most || least),
  );
  const size = source.length * (1 + repeats.reduce((sum, count) => sum + count, 0));
  if (size > maxPatternSize) throw new TypeError("the pattern is too large");
  budget.spend(100 + source.length * 50 + size * 5);
  try {
    const pattern = RE2JS.compile(source);
    known.set(source, pattern);
    return pattern;
  } catch (error) {
    throw new TypeError(error instanceof Error ? error.message : String(error));
  }
}

class Pattern {
  readonly #pattern: RE2JS;
  readonly #source: string;
  readonly #budget: Budget;

  constructor(source: Octets, budget: Budget) {
    this.#source = fromOctets(source);
    this.#budget = budget;
    this.#pattern = compiled(this.#source, budget);
  }

  /** At most as many, from left to right; an empty one right after another is none. */
  find(value: Octets, count: number): readonly Found[] {
    const octets = Buffer.from(value, "latin1");
    const matcher = this.#pattern.matcher(octets);
    const size = matcher.programSize();
    const found: Found[] = [];
    let lastEnd = -1;
    for (let at = 0; found.length < count && at <= value.length; ) {
      this.#budget.spend(1 + (size * (value.length - at)) / matchingPerStep);
      if (!matcher.find(at)) break;
      const [start, end] = [matcher.start(), matcher.end()];
      const isRepeated = start === end && start === lastEnd;
      at = end === at ? at + (characterLength(value, at) || 1) : end;
      lastEnd = end;
      if (!isRepeated)
        found.push({ text: value.slice(start, end), start, end, group: groupsOf(value, matcher) });
    }
    return found;
  }

  replace(value: Octets, replacementOf: (found: Found) => Octets): Octets {
    let [replaced, end] = ["", 0];
    for (const found of this.find(value, Number.POSITIVE_INFINITY)) {
      replaced += value.slice(end, found.start) + replacementOf(found);
      checkLength(replaced.length);
      end = found.end;
    }
    return replaced + value.slice(end);
  }

  split(value: Octets, count: number): readonly Octets[] {
    if (count === 0) return [];
    if (this.#source !== "" && value === "") return [""];
    const parts: Octets[] = [];
    let [begin, end] = [0, 0];
    for (const found of this.find(value, count)) {
      if (parts.length === count - 1) break;
      end = found.start;
      if (found.end !== 0) parts.push(value.slice(begin, end));
      begin = found.end;
    }
    return end === value.length ? parts : [...parts, value.slice(begin)];
  }
}

type Matcher = ReturnType<RE2JS["matcher"]>;

/** What the groups of the present match hold: the matcher goes on to others. */
function groupsOf(value: Octets, matcher: Matcher): Found["group"] {
  const count = matcher.groupCount();
  const at = (group: number | string): Octets | undefined => {
    const start = matcher.start(group);
    return start < 0 ? undefined : value.slice(start, matcher.end(group));
  };
  const byName = new Map<string, Octets | undefined>();
  for (let index = 0; index <= count; index++) byName.set(String(index), at(index));
  for (const name of Object.keys(matcher.getNamedGroups())) byName.set(name, at(name));
  return (name) => byName.get(name);
}

/** `$1`, `$name`, `${name}` and `$$`, as Go's Regexp.Expand. */
function expanded(template: Octets, { group }: Found): Octets {
  return template.replaceAll(/\$(?:(\$)|(\w+)|\{(\w+)\})/g, (_, dollar, name, braced) =>
    dollar === undefined ? (group(name ?? braced) ?? "") : "$",
  );
}
