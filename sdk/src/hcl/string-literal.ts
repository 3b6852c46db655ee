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

/** Reads a double-quoted string, with the escapes of HCL 1 (Go's) and JSON. */
export function readString(scanner: Scanner): string {
  const start = scanner.position;
  scanner.take();
  let value = "";
  for (;;) {
    const character = scanner.next;
    if (character === "" || character === "\n") scanner.fail("this string is not closed", start);
    if (character === '"') break;
    value += character === "\\" ? readEscape(scanner) : scanner.take();
  }
  scanner.take();
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

function codePoint(
  scanner: Scanner,
  digits: string,
  length: number,
  radix: 8 | 16,
  start: Scanner["position"],
): string {
  const pattern = radix === 16 ? /^[0-9a-fA-F]+$/ : /^[0-7]+$/;
  const value = Number.parseInt(digits, radix);
  if (digits.length !== length || !pattern.test(digits) || value > 0x10ffff)
    scanner.fail(`an escape here needs ${length} digits of a character`, start);
  return String.fromCodePoint(value);
}

/**
 * Reads a heredoc: `<<EOF`, or `<<-EOF` whose lines lose the indentation of the least indented one.
 */
export function readHeredoc(scanner: Scanner): string {
  const start = scanner.position;
  const opening = scanner.match(/<<-?[A-Za-z0-9_]+\r?\n/y);
  if (opening === undefined)
    return scanner.fail("a heredoc begins with << and a word at the end of the line");
  const indented = opening.startsWith("<<-");
  const word = opening.replace(/^<<-?/, "").trim();
  const lines: string[] = [];
  for (;;) {
    const line = scanner.match(/[^\n]*\n?/y) ?? "";
    if (line.trim() === word) break;
    if (line === "" || !line.endsWith("\n"))
      scanner.fail(`this heredoc has no line ${word} to end it`, start);
    lines.push(line);
  }
  if (!indented) return lines.join("");
  const indents = lines
    .filter((line) => line.trim() !== "")
    .map((line) => line.length - line.trimStart().length);
  const indent = Math.min(...indents, Number.MAX_SAFE_INTEGER);
  return lines.map((line) => (line.trim() === "" ? "\n" : line.slice(indent))).join("");
}
