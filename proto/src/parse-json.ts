import { entryFieldsOf, enumNumber, type Field, fieldsOf, type JsonValue, propertyName } from "./fields.ts";
import { isPlainData, wrappedKind } from "./well-known.ts";

/**
 * Reads protobuf's JSON form of a message; hand the result to `fromPartial` of that message's codec.
 * Names may be the .proto file's or in camelCase; null means absent; enums may be names or numbers.
 *
 * @param messageName full name, such as `spire.api.types.Entry`
 * @param path where the value stands, for messages: `entries[2]`; "" at the top
 * @throws {TypeError} when a field is unknown or its value is of the wrong type or out of range
 */
export function fromProtoJson(
  messageName: string,
  json: JsonValue,
  path = "",
): { readonly [property: string]: unknown } {
  const fields = new Map(
    fieldsOf(messageName).flatMap((field) => [
      [field.name, field],
      [propertyName(field.name), field],
    ]),
  );
  const message: { [property: string]: unknown } = {};
  for (const [name, value] of Object.entries(objectFrom(json, path))) {
    const here = path === "" ? name : `${path}.${name}`;
    const field = fields.get(name);
    if (field === undefined) throw new TypeError(`${here}: unknown field`);
    if (value !== null) setField(message, field, value, here);
  }
  return message;
}

function setField(
  message: { [property: string]: unknown },
  field: Field,
  json: JsonValue,
  path: string,
): void {
  if (field.presence === "oneof") {
    if (message[field.oneof] !== undefined) throw new TypeError(`${path}: another field of its oneof is set`);
    message[field.oneof] = { $case: field.property, value: itemFrom(field, json, path) };
  } else if (Object.hasOwn(message, field.property)) {
    throw new TypeError(`${path}: set twice`);
  } else if (field.presence === "repeated") {
    if (!Array.isArray(json)) throw new TypeError(`${path}: must be a list`);
    message[field.property] = json.map((item, index) => itemFrom(field, item, `${path}[${index}]`));
  } else if (field.presence === "map") {
    const { value } = entryFieldsOf(field);
    const entries = Object.entries(objectFrom(json, path));
    message[field.property] = Object.fromEntries(
      entries.map(([key, item]) => [key, itemFrom(value, item, `${path}.${key}`)]),
    );
  } else message[field.property] = itemFrom(field, json, path);
}

function objectFrom(json: JsonValue, path: string): { readonly [name: string]: JsonValue } {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new TypeError(`${path === "" ? "message" : path}: must be an object`);
  }
  return json as { readonly [name: string]: JsonValue };
}

function itemFrom(field: Field, json: JsonValue, path: string): unknown {
  if (field.kind === "enum") return enumFrom(field.type, json, path);
  if (field.kind !== "message") return scalarFrom(field.kind, json, path);
  if (isPlainData(field.type)) return json;
  if (field.type === "google.protobuf.Any") return anyFrom(json, path);
  const wrapped = wrappedKind(field.type);
  return wrapped === undefined ? fromProtoJson(field.type, json, path) : scalarFrom(wrapped, json, path);
}

function enumFrom(type: string, json: JsonValue, path: string): number {
  const number = typeof json === "string" ? enumNumber(type, json) : json;
  if (!Number.isInteger(number)) throw new TypeError(`${path}: no value of ${type}`);
  return number as number;
}

function anyFrom(json: JsonValue, path: string): { readonly typeUrl: string; readonly value: Buffer } {
  const { "@type": typeUrl, value, ...others } = objectFrom(json, path);
  if (typeof typeUrl !== "string") throw new TypeError(`${path}.@type: must be a string`);
  if (Object.keys(others).length > 0) throw new TypeError(`${path}: only the bytes of an Any are read`);
  return { typeUrl, value: bytesFrom(value ?? null, `${path}.value`) };
}

function scalarFrom(kind: string, json: JsonValue, path: string): unknown {
  switch (kind) {
    case "string":
      if (typeof json !== "string") throw new TypeError(`${path}: must be a string`);
      return json;
    case "bool":
      if (typeof json !== "boolean") throw new TypeError(`${path}: must be true or false`);
      return json;
    case "bytes":
      return bytesFrom(json, path);
    case "decimal":
      if (!/^-?\d{1,19}$/.test(String(json))) throw new TypeError(`${path}: must be an integer`);
      return String(json);
    case "float":
    case "double":
      return floatFrom(json, path);
    default:
      return integerFrom(kind, json, path);
  }
}

/** Standard or URL-safe base64, with or without padding. */
function bytesFrom(json: JsonValue, path: string): Buffer {
  if (typeof json !== "string" || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(json)) {
    throw new TypeError(`${path}: must be base64`);
  }
  return Buffer.from(json, "base64");
}

function floatFrom(json: JsonValue, path: string): number {
  const special = json === "NaN" || json === "Infinity" || json === "-Infinity";
  if (typeof json !== "number" && !special && !isNumeral(json))
    throw new TypeError(`${path}: must be a number`);
  return Number(json);
}

function integerFrom(kind: string, json: JsonValue, path: string): number {
  const number = isNumeral(json) ? Number(json) : json;
  if (!Number.isSafeInteger(number)) throw new TypeError(`${path}: must be an integer`);
  const unsigned = kind.startsWith("u") || kind.startsWith("fixed");
  const bits = kind.endsWith("64") ? 64 : 32;
  const low = unsigned ? 0 : -(2 ** (bits - 1));
  const high = 2 ** (unsigned ? bits : bits - 1) - 1;
  if ((number as number) < low || (number as number) > high) throw new TypeError(`${path}: out of range`);
  return number as number;
}

function isNumeral(json: JsonValue): json is string {
  return typeof json === "string" && /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(json);
}
