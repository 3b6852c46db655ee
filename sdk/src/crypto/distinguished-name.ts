import { isUtf8 } from "node:buffer";
import { DerReader, malformed, readOid, Tag } from "./der.ts";
import { element, oid, sequence, setOf } from "./der-writer.ts";

/** An X.501 name, by the attributes SPIFFE uses. All may be empty. @see RFC 5280, section 4.1.2.4 */
export interface DistinguishedName {
  readonly country?: readonly string[];
  readonly organization?: readonly string[];
  readonly organizationalUnit?: readonly string[];
  readonly locality?: readonly string[];
  readonly province?: readonly string[];
  readonly streetAddress?: readonly string[];
  readonly postalCode?: readonly string[];
  readonly serialNumber?: string;
  readonly commonName?: string;
  /** Attributes of other types, or that take the place of those above. */
  readonly extraNames?: readonly AttributeTypeAndValue[];
}

export interface AttributeTypeAndValue {
  /** Dotted. */
  readonly oid: string;
  readonly value: string;
}

/** In the order in which Go, and so SPIRE, writes them. */
const attributes = [
  { key: "country", oid: "2.5.4.6", short: "C" },
  { key: "province", oid: "2.5.4.8", short: "ST" },
  { key: "locality", oid: "2.5.4.7", short: "L" },
  { key: "streetAddress", oid: "2.5.4.9", short: "STREET" },
  { key: "postalCode", oid: "2.5.4.17", short: "POSTALCODE" },
  { key: "organization", oid: "2.5.4.10", short: "O" },
  { key: "organizationalUnit", oid: "2.5.4.11", short: "OU" },
  { key: "commonName", oid: "2.5.4.3", short: "CN" },
  { key: "serialNumber", oid: "2.5.4.5", short: "SERIALNUMBER" },
] as const;

/** The DER of a name: a SET for each kind of attribute. */
export function encodeName(name: DistinguishedName): Buffer {
  const extra = name.extraNames ?? [];
  const replaced = new Set(extra.map((attribute) => attribute.oid));
  const sets = attributes.flatMap(({ key, oid: dotted }) => {
    const value = name[key];
    const values = typeof value === "string" ? (value === "" ? [] : [value]) : (value ?? []);
    if (values.length === 0 || replaced.has(dotted)) return [];
    return [setOf(...values.map((text) => attribute(dotted, text)))];
  });
  return sequence(...sets, ...extra.map((name) => setOf(attribute(name.oid, name.value))));
}

function attribute(dotted: string, text: string): Buffer {
  return sequence(oid(dotted), attributeValue(text));
}

function attributeValue(text: string): Buffer {
  const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(text);
  return element(printable ? Tag.PrintableString : Tag.Utf8String, Buffer.from(text, "utf8"));
}

/**
 * Reads a name's DER.
 *
 * @throws {StatusError} InvalidArgument `DER_MALFORMED`.
 */
export function parseName(der: Buffer): DistinguishedName {
  const outer = new DerReader(der);
  const sets = outer.enter(Tag.Sequence);
  outer.end();
  const name: GrowingName = {};
  while (!sets.atEnd) {
    const members = sets.enter(Tag.Set);
    if (members.atEnd) throw malformed("an empty set in a name");
    while (!members.atEnd) addAttribute(name, members.enter(Tag.Sequence));
  }
  return name;
}

/** A name while it is read: a stranger's may have so many attributes that copying its lists would take minutes. */
type GrowingName = {
  -readonly [K in keyof DistinguishedName]: DistinguishedName[K] extends readonly (infer T)[] | undefined
    ? T[]
    : DistinguishedName[K];
};

function addAttribute(name: GrowingName, reader: DerReader): void {
  const dotted = readOid(reader.readContent(Tag.Oid));
  const { tag, content } = reader.read();
  reader.end();
  const value = decodeText(tag, content);
  const known = attributes.find((attribute) => attribute.oid === dotted);
  if (known === undefined) {
    name.extraNames ??= [];
    name.extraNames.push({ oid: dotted, value });
  } else if (known.key === "commonName" || known.key === "serialNumber") name[known.key] = value;
  else {
    name[known.key] ??= [];
    name[known.key]?.push(value);
  }
}

function decodeText(tag: number, content: Buffer): string {
  if (tag === Tag.BmpString) {
    if (content.length % 2 !== 0) throw malformed("a name of half characters");
    return Buffer.from(content).swap16().toString("utf16le");
  }
  if (tag !== Tag.Utf8String) return content.toString("latin1");
  if (!isUtf8(content)) throw malformed("a name that is not UTF-8");
  return content.toString("utf8");
}

/**
 * As Go prints a parsed name, last attribute first: `CN=db,O=SPIRE,C=US`; types without a short name at the end, by
 * their DER: `1.2.3=#130161`.
 *
 * @see RFC 2253
 */
export function formatName(name: DistinguishedName): string {
  const parts = attributes.flatMap(({ key, short }) => {
    const value = name[key];
    const values = typeof value === "string" ? (value === "" ? [] : [value]) : (value ?? []);
    return values.length === 0 ? [] : [values.map((text) => `${short}=${escapeValue(text)}`).join("+")];
  });
  const extra = (name.extraNames ?? []).map(
    ({ oid, value }) => `${oid}=#${attributeValue(value).toString("hex")}`,
  );
  return [...extra, ...parts].reverse().join(",");
}

function escapeValue(text: string): string {
  return text.replaceAll(/[,+"\\<>;]|^[ #]| $/g, "\\$&");
}
