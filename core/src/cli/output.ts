import { type JsonValue, toProtoJson } from "@finial/proto/json";
import { oneOf } from "./flag.ts";
import type { TextSink } from "./io.ts";

export const outputFlag = oneOf("How to print what came back: pretty or json", ["pretty", "json"]);

/** A message and its full name. */
export interface NamedMessage {
  readonly name: string;
  readonly value: object;
}

/** Messages as SPIRE prints them: protobuf's JSON, names in order, nothing that is null; several as a list. */
export function printMessages(messages: readonly NamedMessage[], stdout: TextSink): void {
  const values = messages.map(({ name, value }) => withoutNulls(toProtoJson(name, value)));
  printJson(values.length === 1 ? values[0] : values, stdout);
}

/** One line, with what HTML could misread escaped, as Go does. */
export function printJson(value: unknown, stdout: TextSink): void {
  const line = JSON.stringify(value).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  stdout.write(`${line}\n`);
}

function withoutNulls(value: JsonValue): JsonValue {
  if (isList(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== null)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, item]): [string, JsonValue] => [name, withoutNulls(item)]);
  return Object.fromEntries(entries);
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
