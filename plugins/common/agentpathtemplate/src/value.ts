/** What a template works on. A map's missing key is an error when it is named as a field. */
export type TemplateValue =
  | string
  | number
  | boolean
  | readonly TemplateValue[]
  | ReadonlyMap<string, TemplateValue>;

export function isMap(value: TemplateValue): value is ReadonlyMap<string, TemplateValue> {
  return value instanceof Map;
}

/** What `if`, `and`, `or` and `default` take for false: zero, false and everything empty. */
export function isEmpty(value: TemplateValue): boolean {
  if (isMap(value)) return value.size === 0;
  return typeof value === "object" ? value.length === 0 : !value;
}

/** For messages. */
export function kindOf(value: TemplateValue): string {
  if (isMap(value)) return "a map";
  if (typeof value === "object") return "a list";
  return { string: "a string", number: "a number", boolean: "a bool" }[
    typeof value as "string" | "number" | "boolean"
  ];
}

/** A value as text. @throws {TypeError} for lists and maps, whose form in Go has characters no path may have. */
export function textOf(value: TemplateValue): string {
  if (typeof value === "object")
    throw new TypeError(`${kindOf(value)} is no text; take one of it with index`);
  return String(value);
}
