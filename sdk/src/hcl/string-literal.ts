import type { Position } from "./ast.ts";
import type { Scanner } from "./scanner.ts";

const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
  "/": "/",
};

/** Reads a double-quoted string of JSON, with the escapes of HCL 1, which are Go's, besides. */
export function readJsonString(scanner: Scanner): string {
  return readQuoted(scanner, () => undefined);
}

/** Reads a double-quoted string of HCL 1. What stands in `${…}` is for others to expand, and stays as it is written. */
export function readString(scanner: Scanner): string {
  return readQuoted(scanner, (start) => readInterpolation(scanner, start));
}

function readQuoted(scanner: Scanner, readSpecial: (start: Position) => string | undefined): string {
  const start = scanner.position;
  scanner.take();
  let value = "";
  for (;;) {
    const character = scanner.next;
    if (character === "" || character === "\n") scanner.fail("this string is not closed", start);
    if (character === '"') break;
    const plain = scanner.match(/[^"\\\n$]+/y);
    if (plain !== undefined) value += plain;
    else if (character === "\\") value += readEscape(scanner);
    else value += readSpecial(start) ?? scanner.take();
  }
  scanner.take();
  return value;
}

/** As HCL 1 finds its end: by counting braces, quotes and lines notwithstanding. */
function readInterpolation(scanner: Scanner, start: Position): string | undefined {
  if (!scanner.startsWith("${")) return undefined;
  let value = scanner.take(2);
  for (let depth = 1; depth > 0; ) {
    const character = scanner.take();
    if (character === "") scanner.fail("this string is not closed", start);
    if (character === "{") depth++;
    if (character === "}") depth--;
    value += character;
  }
  return value;
}

function readEscape(scanner: Scanner): string {
  const start = scanner.position;
  scanner.take();
  const letter = scanner.take();
  const simple = simpleEscapes[letter];
  if (simple !== undefined) return simple;
  const digits = { x: 2, u: 4, U: 8 }[letter];
  if (digits !== undefined) return codePoint(scanner, scanner.take(digits), digits, 16, start);
  if (/[0-7]/.test(letter)) return codePoint(scanner, letter + scanner.take(2), 3, 8, start);
  return scanner.fail(`unknown escape \\${letter}`, start);
}

function codePoint(scanner: Scanner, digits: string, length: number, radix: 8 | 16, start: Position): string {
  const pattern = radix === 16 ? /^[0-9a-fA-F]+$/ : /^[0-7]+$/;
  const value = Number.parseInt(digits, radix);
  if (digits.length !== length || !pattern.test(digits) || value > 0x10ffff)
    scanner.fail(`an escape here needs ${length} digits of a character`, start);
  return String.fromCodePoint(value);
}

/**
 * Reads a heredoc: `<<EOF`, or `<<-EOF`, whose lines lose the indentation of the line that ends it if all have it.
 */
export function readHeredoc(scanner: Scanner): string {
  const start = scanner.position;
  const opening = scanner.match(/<<-?[\p{L}\p{Nd}_]+\n/uy);
  if (opening === undefined)
    return scanner.fail("a heredoc begins with << and a word at the end of the line");
  const word = opening.replace(/^<<-?/, "").trim();
  const lines: string[] = [];
  for (;;) {
    const line = scanner.match(/[^\n]*\n?/y) ?? "";
    if (line.trim() === word) {
      const indent = line.slice(0, line.indexOf(word));
      return opening.startsWith("<<-") ? unindented(lines, indent) : `${lines.join("")}${indent}`;
    }
    if (!line.endsWith("\n")) scanner.fail(`this heredoc has no line ${word} to end it`, start);
    lines.push(line);
  }
}

/** HCL 1 leaves all lines as they are when one of them, be it an empty one, is indented less than the end. */
function unindented(lines: readonly string[], indent: string): string {
  if (!lines.every((line) => line.startsWith(indent))) return lines.join("");
  return lines.map((line) => line.slice(indent.length)).join("");
}
