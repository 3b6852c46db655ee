import { enumNames, messageFields } from "../gen/field-table.ts";

/** What JSON can hold. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** A field of a message. `type` is the full name of a message or enum, else "". */
export interface Field {
  /** As the .proto file spells it. */
  readonly name: string;
  /** As the generated codecs spell it. */
  readonly property: string;
  readonly kind: string;
  readonly type: string;
  readonly presence: "map" | "repeated" | "optional" | "oneof" | undefined;
  /** The property that holds the oneof, when `presence` says so, else "". */
  readonly oneof: string;
}

const known = new Map<string, readonly Field[]>();

/** As ts-proto spells a name: `x509_svid_ttl` is `x509SvidTtl`. */
export function propertyName(name: string): string {
  return name.replaceAll(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The fields of a message, in the order of the .proto file.
 *
 * @throws {TypeError} when there is no such message
 */
export function fieldsOf(messageName: string): readonly Field[] {
  const cached = known.get(messageName);
  if (cached !== undefined) return cached;
  const rows = Object.hasOwn(messageFields, messageName) ? messageFields[messageName] : undefined;
  if (rows === undefined) throw new TypeError(`no message ${messageName}`);
  const fields = rows.map(([name, kind, type = "", presence, oneof = ""]) => ({
    name,
    property: propertyName(name),
    kind,
    type,
    presence,
    oneof: propertyName(oneof),
  }));
  known.set(messageName, fields);
  return fields;
}

/** The fields of a map's key and value. */
export function entryFieldsOf(field: Field): { readonly key: Field; readonly value: Field } {
  const [key, value] = fieldsOf(field.type);
  if (key === undefined || value === undefined) throw new TypeError(`${field.type} is no map entry`);
  return { key, value };
}

/** The name of an enum's value, if it has one. */
export function enumName(type: string, number: number): string | undefined {
  return enumNames[type]?.[number];
}

/** The number of an enum's value by its name. */
export function enumNumber(type: string, name: string): number | undefined {
  const found = Object.entries(enumNames[type] ?? {}).find(([, known]) => known === name);
  return found === undefined ? undefined : Number(found[0]);
}
