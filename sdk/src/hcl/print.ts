import type { HclBody, HclItem, HclValue } from "./ast.ts";

/**
 * Prints a body as HCL 1 text, without outer braces: what a host hands to a plugin.
 * Parsing the text gives the body again, positions and comments aside.
 */
export function printHcl(body: HclBody): string {
  return printBody(body, "");
}

/** Prints a single value: what a host hands over for `plugin_data = "x"`. */
export function printHclValue(value: HclValue): string {
  return value.kind === "object" ? printHcl(value.body) : printValue(value, "");
}

function printBody(body: HclBody, indent: string): string {
  return body.items.map((item) => `${indent}${printItem(item, indent)}\n`).join("");
}

function printItem(item: HclItem, indent: string): string {
  const keys = item.keys.map((key) => (key.quoted ? quote(key.text) : key.text)).join(" ");
  const assign = item.value.kind === "object" && item.keys.length > 1 ? " " : " = ";
  return `${keys}${assign}${printValue(item.value, indent)}`;
}

function printValue(value: HclValue, indent: string): string {
  switch (value.kind) {
    case "string":
      return quote(value.value);
    case "number":
      return value.text;
    case "bool":
      return String(value.value);
    case "list":
      return `[${value.items.map((item) => printValue(item, indent)).join(", ")}]`;
    case "object":
      return value.body.items.length === 0 ? "{}" : `{\n${printBody(value.body, `${indent}  `)}${indent}}`;
  }
}

/** Escapes that HCL 1 and Go read alike; a `${` that was escaped begins no interpolation, in whatever it stands. */
function quote(text: string): string {
  const escaped = text.replaceAll(/["\\\p{Cc}\u2028\u2029\ufeff\ue123]|\$(?=\{)/gu, (character) => {
    if (character === '"' || character === "\\") return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return `"${escaped}"`;
}
