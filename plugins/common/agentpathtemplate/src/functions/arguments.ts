import type { Octets } from "../octets.ts";
import { Dict, isList, kindOf, printedAll, type Value } from "../value.ts";

/** A string argument; Go has no other values stand in for one. */
export function text(value: Value | undefined): Octets {
  if (typeof value === "string") return value;
  throw wrongType("string", value);
}

export function whole(value: Value | undefined): number {
  if (typeof value === "number") return value;
  throw wrongType("int", value);
}

export function truth(value: Value | undefined): boolean {
  if (typeof value === "boolean") return value;
  throw wrongType("bool", value);
}

export function list(value: Value | undefined): readonly Value[] {
  if (value !== undefined && isList<Value>(value)) return value;
  throw wrongType("list", value);
}

export function dict(value: Value | undefined): Dict {
  if (value instanceof Dict) return value;
  throw wrongType("map", value);
}

/** Anything, where an argument may be left out. */
export function any(value: Value | undefined): Value {
  return value ?? null;
}

/** As sprig makes a list of strings of anything. */
export function texts(value: Value | undefined): readonly Octets[] {
  if (value === null || value === undefined) return [];
  const values = isList<Value>(value) ? value : [value];
  return printedAll(values.filter((each) => each !== null));
}

function wrongType(expected: string, value: Value | undefined): TypeError {
  return new TypeError(`wrong type for value; expected ${expected}; got ${kindOf(value)}`);
}
