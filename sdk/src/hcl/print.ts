import type { HclBody, HclItem, HclValue, Position } from "./ast.ts";

/** HCL text that knows where it comes from. */
export interface PrintedHcl {
  readonly text: string;
  /** Of each key and each value, where it stands in the text and where it stood in its source; in the text's order. */
  readonly places: readonly { readonly printed: Position; readonly source: Position }[];
}

/**
 * Prints a body as HCL 1 text, without outer braces: what a host hands to a plugin.
 * Parsing the text gives the body again, positions and comments aside.
 */
export function printHcl(body: HclBody): string {
  return printHclPlaces(body).text;
}

/** As {@link printHcl}, with the places of all that is printed. */
export function printHclPlaces(body: HclBody): PrintedHcl {
  const printer = new Printer();
  printer.body(body, "");
  return printer;
}

/** Prints a single value: what a host hands over for `plugin_data = "x"`. */
export function printHclValue(value: HclValue): PrintedHcl {
  if (value.kind === "object") return printHclPlaces(value.body);
  const printer = new Printer();
  printer.value(value, "");
  return printer;
}

class Printer implements PrintedHcl {
  readonly places: PrintedHcl["places"][number][] = [];
  text = "";
  #line = 1;
  #lineStart = 0;

  body(body: HclBody, indent: string): void {
    for (const item of body.items) {
      this.text += indent;
      this.#item(item, indent);
      this.#endLine();
    }
  }

  #item({ keys, value }: HclItem, indent: string): void {
    this.#place(keys[0].position);
    this.text += keys.map((key) => (key.quoted ? quote(key.text) : key.text)).join(" ");
    this.text += value.kind === "object" && keys.length > 1 ? " " : " = ";
    this.value(value, indent);
  }

  value(value: HclValue, indent: string): void {
    this.#place(value.position);
    switch (value.kind) {
      case "string":
        this.text += quote(value.value);
        return;
      case "number":
        this.text += value.text;
        return;
      case "bool":
        this.text += String(value.value);
        return;
      case "list":
        this.#list(value.items, indent);
        return;
      case "object":
        this.#object(value.body, indent);
    }
  }

  #list(items: readonly HclValue[], indent: string): void {
    this.text += "[";
    for (const [index, item] of items.entries()) {
      if (index > 0) this.text += ", ";
      this.value(item, indent);
    }
    this.text += "]";
  }

  #object(body: HclBody, indent: string): void {
    this.text += "{";
    if (body.items.length > 0) {
      this.#endLine();
      this.body(body, `${indent}  `);
      this.text += indent;
    }
    this.text += "}";
  }

  #endLine(): void {
    this.text += "\n";
    this.#line++;
    this.#lineStart = this.text.length;
  }

  #place(source: Position): void {
    const column = this.text.length - this.#lineStart + 1;
    this.places.push({ printed: { line: this.#line, column }, source });
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
