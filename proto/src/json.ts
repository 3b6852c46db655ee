import { entryFieldsOf, enumName, type Field, fieldsOf, type JsonValue } from "./fields.ts";
import { anyToJson, isPlainData, wrappedKind } from "./well-known.ts";

export type { JsonValue } from "./fields.ts";
export { fromProtoJson } from "./parse-json.ts";

/**
 * Prints a message in protobuf's JSON form with the names of the .proto file, as Go's protojson does with
 * `UseProtoNames` and `EmitUnpopulated`: 64-bit integers are strings, bytes base64, enums names (an unknown one its
 * number), absent messages null, empty lists and maps stay; a `oneof` or `optional` that is not set is left out.
 *
 * @param messageName full name, such as `spire.api.types.Entry`
 * @param value what the generated codec of that message decodes or creates
 * @throws {TypeError} when there is no such message
 */
export function toProtoJson(messageName: string, value: object): { readonly [name: string]: JsonValue } {
  const properties = value as { readonly [property: string]: unknown };
  return Object.fromEntries(
    fieldsOf(messageName).flatMap((field) => {
      const json = fieldToJson(field, properties);
      return json === undefined ? [] : [[field.name, json]];
    }),
  );
}

function fieldToJson(field: Field, message: { readonly [property: string]: unknown }): JsonValue | undefined {
  const value = message[field.property];
  switch (field.presence) {
    case "oneof": {
      const chosen = message[field.oneof] as { readonly $case: string; readonly value: unknown } | undefined;
      return chosen?.$case === field.property ? itemToJson(field, chosen.value) : undefined;
    }
    case "optional":
      return value === undefined ? undefined : itemToJson(field, value);
    case "repeated":
      return (value as readonly unknown[]).map((item) => itemToJson(field, item));
    case "map": {
      const { value: item } = entryFieldsOf(field);
      const entries = Object.entries(value as { readonly [key: string]: unknown });
      return Object.fromEntries(entries.map(([key, entry]) => [key, itemToJson(item, entry)]));
    }
    case undefined:
      return value === undefined ? null : itemToJson(field, value);
  }
}

function itemToJson(field: Field, value: unknown): JsonValue {
  if (field.kind === "enum") return enumName(field.type, value as number) ?? (value as number);
  if (field.kind !== "message") return scalarToJson(field.kind, value);
  if (isPlainData(field.type)) return value as JsonValue;
  if (field.type === "google.protobuf.Any") return anyToJson(value);
  const wrapped = wrappedKind(field.type);
  return wrapped === undefined ? toProtoJson(field.type, value as object) : scalarToJson(wrapped, value);
}

function scalarToJson(kind: string, value: unknown): JsonValue {
  if (kind === "bytes") return (value as Buffer).toString("base64");
  if (kind.endsWith("64")) return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  return value as boolean | number | string;
}
