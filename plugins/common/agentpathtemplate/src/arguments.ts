import type { TemplateFunction } from "./functions.ts";
import { isMap, kindOf, type TemplateValue, textOf } from "./value.ts";

/** A function of a fixed number of arguments, or of at least as many. */
export function takes(
  count: number | { readonly atLeast: number },
  call: TemplateFunction["call"],
): TemplateFunction {
  return typeof count === "number"
    ? { min: count, max: count, call }
    : { min: count.atLeast, max: Number.POSITIVE_INFINITY, call };
}

/** A string argument; Go has no other values stand in for one. */
export function text(value: TemplateValue | undefined): string {
  if (typeof value === "string") return value;
  throw new TypeError(
    `wrong type for value; expected string; got ${value === undefined ? "none" : kindOf(value)}`,
  );
}

/** A whole number. */
export function whole(value: TemplateValue | undefined): number {
  if (typeof value === "number") return value;
  throw new TypeError(`expected integer; got ${value === undefined ? "none" : kindOf(value)}`);
}

export function list(value: TemplateValue | undefined): readonly TemplateValue[] {
  if (typeof value === "object" && !isMap(value)) return value;
  throw new TypeError(`expected a list; got ${value === undefined ? "none" : kindOf(value)}`);
}

/** Any value that has a text. */
export function printed(value: TemplateValue | undefined): string {
  return value === undefined ? "" : textOf(value);
}
