import type { HclBody, HclItem, HclKey, HclValue, Position } from "./ast.ts";
import { parseJson } from "./json.ts";
import { Scanner } from "./scanner.ts";
import { readHeredoc, readString } from "./string-literal.ts";

/** Deep enough for any configuration, shallow enough for the stack. */
const maxDepth = 100;

export interface ParseOptions {
  /** Goes before each position in error messages. */
  readonly filename?: string;
}

/**
 * Parses HCL 1, or its JSON form when the text begins with a brace.
 *
 * @throws {StatusError} InvalidArgument `HCL_SYNTAX`, naming file, line and column.
 */
export function parseHcl(text: string, options: ParseOptions = {}): HclBody {
  // As HCL 1 does: lines end in one way, in heredocs, too.
  const lines = text.replace(/^\ufeff/, "").replaceAll("\r\n", "\n");
  const scanner = new Scanner(lines, options.filename);
  skipSpace(scanner);
  if (scanner.next === "{") return parseJson(scanner, maxDepth);
  return readBody(scanner, undefined, 0);
}

/** Items up to the end of the file, or to the brace that closes the one at `open`. */
function readBody(scanner: Scanner, open: Position | undefined, depth: number): HclBody {
  if (depth > maxDepth) scanner.fail(`nested deeper than ${maxDepth} levels`);
  const items: HclItem[] = [];
  for (;;) {
    skipSpace(scanner);
    if (scanner.next === "") {
      if (open !== undefined) scanner.fail("this brace is not closed", open);
      return { items };
    }
    if (scanner.next === "}") {
      if (open === undefined) scanner.fail("there is no open brace for this one");
      scanner.take();
      return { items };
    }
    items.push(readItem(scanner, depth));
    skipSpace(scanner);
    // HCL 1 lets a comma stand after an item.
    if (scanner.next === ",") scanner.take();
  }
}

function readItem(scanner: Scanner, depth: number): HclItem {
  const first = readKey(scanner);
  const keys: [HclKey, ...HclKey[]] = [first];
  for (;;) {
    skipSpace(scanner);
    if (scanner.next === "=") {
      scanner.take();
      if (keys.length > 1)
        scanner.fail(`nested object expected: { after the label of "${first.text}"`, first.position);
      skipSpace(scanner);
      return { keys, value: readValue(scanner, depth) };
    }
    if (scanner.next === "{") {
      const position = scanner.position;
      scanner.take();
      return { keys, value: { kind: "object", body: readBody(scanner, position, depth + 1), position } };
    }
    if (scanner.next === "") scanner.fail(`"${first.text}" has no value`, first.position);
    keys.push(readKey(scanner));
  }
}

function readKey(scanner: Scanner): HclKey {
  const position = scanner.position;
  if (scanner.next === '"') return { text: readString(scanner), quoted: true, position };
  const text = scanner.match(/[\p{L}_][\p{L}\p{Nd}_.-]*/uy);
  if (text === undefined) return scanner.fail(`expected a key, found ${describe(scanner.next)}`);
  return { text, quoted: false, position };
}

function readValue(scanner: Scanner, depth: number): HclValue {
  const position = scanner.position;
  const character = scanner.next;
  if (character === '"') return { kind: "string", value: readString(scanner), position };
  if (scanner.startsWith("<<")) return { kind: "string", value: readHeredoc(scanner), position };
  if (character === "[") return { kind: "list", items: readList(scanner, depth), position };
  if (character === "{") {
    scanner.take();
    return { kind: "object", body: readBody(scanner, position, depth + 1), position };
  }
  const number = scanner.match(
    /(?:-?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|\.\d+(?:[eE][+-]?\d+)?)(?![\p{L}\d_.])/uy,
  );
  if (number !== undefined) return { kind: "number", text: number, position };
  const word = scanner.match(/[\p{L}_][\p{L}\p{Nd}_.-]*/uy);
  if (word === "true" || word === "false") return { kind: "bool", value: word === "true", position };
  if (word !== undefined)
    return scanner.fail(`${word} is not a value: strings are written "${word}"`, position);
  return scanner.fail(`expected a value, found ${describe(character)}`);
}

function readList(scanner: Scanner, depth: number): HclValue[] {
  const open = scanner.position;
  if (depth > maxDepth) scanner.fail(`nested deeper than ${maxDepth} levels`);
  scanner.take();
  const items: HclValue[] = [];
  for (;;) {
    skipSpace(scanner);
    if (scanner.next === "") scanner.fail("this list is not closed", open);
    if (scanner.next === "]") break;
    items.push(readValue(scanner, depth + 1));
    skipSpace(scanner);
    if (scanner.next === ",") scanner.take();
    else if (scanner.next !== "]" && scanner.next !== "")
      scanner.fail(`expected , or ], found ${describe(scanner.next)}`);
  }
  scanner.take();
  return items;
}

function skipSpace(scanner: Scanner): void {
  for (;;) {
    scanner.match(/[ \t\r\n]+/y);
    if (scanner.next === "#" || scanner.startsWith("//")) scanner.match(/[^\n]*/y);
    else if (scanner.startsWith("/*")) {
      const start = scanner.position;
      if (scanner.match(/\/\*[\s\S]*?\*\//y) === undefined) scanner.fail("this comment is not closed", start);
    } else return;
  }
}

function describe(character: string): string {
  return character === "" ? "the end of the file" : JSON.stringify(character);
}
