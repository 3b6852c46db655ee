import type { HclBody, HclItem, HclValue } from "./ast.ts";
import type { Scanner } from "./scanner.ts";
import { readJsonString } from "./string-literal.ts";

/** Parses the JSON form of HCL 1: objects are blocks, lists of objects repeated blocks. The scanner stands at the brace. */
export function parseJson(scanner: Scanner, maxDepth: number): HclBody {
  const value = readValue(scanner, maxDepth);
  skipSpace(scanner);
  if (scanner.next !== "") scanner.fail("nothing may follow the closing brace");
  if (value.kind !== "object") throw new TypeError("a JSON configuration begins with a brace");
  return value.body;
}

function readValue(scanner: Scanner, depth: number): HclValue {
  if (depth === 0) scanner.fail("nested too deep");
  const position = scanner.position;
  if (scanner.next === "{") return { kind: "object", body: readObject(scanner, depth), position };
  if (scanner.next === "[") return { kind: "list", items: readList(scanner, depth), position };
  if (scanner.next === '"') return { kind: "string", value: readJsonString(scanner), position };
  const number = scanner.match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
  if (number !== undefined) return { kind: "number", text: number, position };
  const word = scanner.match(/true|false/y);
  if (word !== undefined) return { kind: "bool", value: word === "true", position };
  // As HCL 1 takes it.
  if (scanner.match(/null/y) !== undefined) return { kind: "string", value: "", position };
  return scanner.fail("expected a JSON value");
}

function readObject(scanner: Scanner, depth: number): HclBody {
  const items: HclItem[] = [];
  readSequence(scanner, "}", () => {
    const position = scanner.position;
    if (scanner.next !== '"') scanner.fail("expected a key in quotes");
    const key = { text: readJsonString(scanner), quoted: true, position };
    skipSpace(scanner);
    if (!scanner.startsWith(":")) scanner.fail(`expected : after "${key.text}"`);
    scanner.take();
    skipSpace(scanner);
    items.push({ keys: [key], value: readValue(scanner, depth - 1) });
  });
  return { items };
}

function readList(scanner: Scanner, depth: number): HclValue[] {
  const items: HclValue[] = [];
  readSequence(scanner, "]", () => {
    items.push(readValue(scanner, depth - 1));
  });
  return items;
}

function readSequence(scanner: Scanner, close: "}" | "]", readOne: () => void): void {
  const open = scanner.position;
  scanner.take();
  skipSpace(scanner);
  while (scanner.next !== close) {
    readOne();
    skipSpace(scanner);
    if (scanner.next === ",") {
      scanner.take();
      skipSpace(scanner);
    } else if (scanner.next !== close)
      scanner.fail(`expected , or ${close} for what opens at line ${open.line}`);
  }
  scanner.take();
}

function skipSpace(scanner: Scanner): void {
  scanner.match(/[ \t\r\n]+/y);
}
