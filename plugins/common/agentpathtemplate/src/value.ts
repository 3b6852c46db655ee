import { checkLength } from "./length.ts";
import { type Octets, toOctets } from "./octets.ts";

/** What a template works on. A number is whole, as Go's int; null is Go's nil. */
export type Value = null | boolean | number | Octets | readonly Value[] | Dict | Struct;

/** A map that a template may look into by any key, and change when it made it. */
export class Dict extends Map<Octets, Value> {
  /** What `index` gives for a key that is not there: a map of strings has another zero than one of anything. */
  readonly zero: "" | null;

  constructor(entries: Iterable<readonly [Octets, Value]> = [], zero: "" | null = null) {
    super(entries);
    this.zero = zero;
  }
}

/** Fields with fixed names, all there, and perhaps a text for the whole. */
export class Struct {
  readonly fields: ReadonlyMap<string, Value>;
  readonly text: Octets | undefined;

  constructor(fields: ReadonlyMap<string, Value>, text: Octets | undefined) {
    this.fields = fields;
    this.text = text;
  }
}

/** What a template can name, as callers give it; records are Go's structs, maps its maps of strings. */
export type TemplateData =
  | string
  | number
  | boolean
  | readonly TemplateData[]
  | ReadonlyMap<string, string>
  | TemplateRecord;

/** `toString` gives the text of the whole, where it has one. */
export interface TemplateRecord {
  readonly fields: { readonly [field: string]: TemplateData };
  readonly text?: string;
}

/** A copy of the data in the template's own values. */
export function toValue(data: TemplateData): Value {
  if (typeof data === "string") return toOctets(data);
  if (typeof data !== "object") return data;
  if (isList(data)) return data.map(toValue);
  if (data instanceof Map)
    return new Dict(
      Array.from(data as ReadonlyMap<string, string>, ([key, value]) => [toOctets(key), toOctets(value)]),
      "",
    );
  const { fields, text } = data as TemplateRecord;
  const values = Object.entries(fields).map(([name, value]) => [name, toValue(value)] as const);
  return new Struct(new Map(values), text === undefined ? undefined : toOctets(text));
}

export function isList<T>(value: unknown): value is readonly T[] {
  return Array.isArray(value);
}

/** What `if` and `and` take for true. */
export function isTrue(value: Value): boolean {
  if (isList<Value>(value)) return value.length > 0;
  if (value instanceof Dict) return value.size > 0;
  return Boolean(value);
}

/** For messages. */
export function kindOf(value: Value | undefined): string {
  if (value === undefined || value === null) return "nil";
  if (isList<Value>(value)) return "a list";
  if (value instanceof Dict) return "a map";
  if (value instanceof Struct) return "a struct";
  return { string: "a string", number: "an int", boolean: "a bool" }[
    typeof value as "string" | "number" | "boolean"
  ];
}

/** Of values in values: no certificate has more, and a template can make more than any stack holds. */
const maxDepth = 32;

/** @throws {TypeError} when values in values lie deeper than anything needs. */
export function checkDepth(depth: number): void {
  if (depth > maxDepth) throw new TypeError("too many values in a value");
}

/** As Go prints it with `%v`. @throws {TypeError} for a struct that has no text, and for what is too long. */
export function printed(value: Value): Octets {
  return new Printer().print(value, 0);
}

/** As printed, of each: together no longer than one text may be, strings aside. @throws {TypeError} */
export function printedAll(values: readonly Value[]): readonly Octets[] {
  const printer = new Printer();
  return values.map((value) => (typeof value === "string" ? value : printer.print(value, 0)));
}

class Printer {
  #octets = 0;

  /** What is in it is counted before it is put together: a list can hold another twice, which holds another twice. */
  print(value: Value, depth: number): Octets {
    checkDepth(depth);
    if (isList<Value>(value)) return `[${this.#join(value, depth)}]`;
    if (value instanceof Dict)
      return `map[${sortedEntries(value)
        .map(([key, each]) => `${this.#count(`${key}:`)}${this.print(each, depth + 1)}`)
        .join(" ")}]`;
    return this.#count(scalar(value));
  }

  #join(values: readonly Value[], depth: number): Octets {
    return values.map((each) => this.print(each, depth + 1)).join(" ");
  }

  #count(octets: Octets): Octets {
    this.#octets += octets.length + 1;
    checkLength(this.#octets);
    return octets;
  }
}

function scalar(value: Exclude<Value, readonly Value[] | Dict>): Octets {
  if (value === null) return "<nil>";
  if (!(value instanceof Struct)) return String(value);
  if (value.text === undefined) throw new TypeError("a struct is no text; name one of its fields");
  return value.text;
}

/** In the order in which Go prints a map and goes through it. */
export function sortedEntries(dict: Dict): readonly (readonly [Octets, Value])[] {
  return [...dict].sort(([left], [right]) => compareOctets(left, right));
}

export function compareOctets(left: Octets, right: Octets): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
