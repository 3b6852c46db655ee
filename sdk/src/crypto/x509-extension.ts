import {
  type DerReader,
  malformed,
  primitiveContextTag,
  readBoolean,
  readInteger,
  readOid,
  readWhole,
  Tag,
} from "./der.ts";
import { boolean, element, namedBits, octetString, oid, sequence } from "./der-writer.ts";

/** A certificate extension; `value` is the DER inside its octet string. */
export interface X509Extension {
  /** Dotted. */
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Buffer;
  /** All of it, where that was made beforehand. */
  readonly der?: Buffer;
}

export const ExtensionOid = {
  SubjectKeyIdentifier: "2.5.29.14",
  KeyUsage: "2.5.29.15",
  SubjectAltName: "2.5.29.17",
  BasicConstraints: "2.5.29.19",
  NameConstraints: "2.5.29.30",
  CertificatePolicies: "2.5.29.32",
  AuthorityKeyIdentifier: "2.5.29.35",
  ExtendedKeyUsage: "2.5.29.37",
} as const;

/** Bits of KeyUsage. @see RFC 5280, section 4.2.1.3 */
export const KeyUsageBit = {
  digitalSignature: 0,
  contentCommitment: 1,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;

export type KeyUsage = keyof typeof KeyUsageBit;

const keyUsageBits = Object.entries(KeyUsageBit) as [KeyUsage, number][];

export const ExtendedKeyUsageOid = {
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

export interface SubjectAltName {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  readonly emails: readonly string[];
  /** 4 or 16 octets each. */
  readonly ipAddresses: readonly Buffer[];
}

const knownOids: ReadonlyMap<string, Buffer> = new Map(
  Object.values(ExtensionOid).map((dotted) => [dotted, oid(dotted)]),
);
const isCritical = boolean(true);

/** An extension that goes into many certificates: it is encoded now, and not each time. */
export function encodedOnce(extension: X509Extension): X509Extension {
  return { ...extension, der: encodeExtension(extension) };
}

export function encodeExtension({ oid: dotted, critical, value, der }: X509Extension): Buffer {
  if (der !== undefined) return der;
  const type = knownOids.get(dotted) ?? oid(dotted);
  return critical ? sequence(type, isCritical, octetString(value)) : sequence(type, octetString(value));
}

/** Real certificates have a dozen. Each is held against all before it, so that a stranger's thousands would take minutes. */
const maxExtensions = 100;

/** Reads `Extensions`; the same OID twice is refused. */
export function readExtensions(reader: DerReader): X509Extension[] {
  const extensions: X509Extension[] = [];
  while (!reader.atEnd) {
    const fields = reader.enter(Tag.Sequence);
    const dotted = readOid(fields.readContent(Tag.Oid));
    const critical = fields.readOptional(Tag.Boolean);
    const value = fields.readContent(Tag.OctetString);
    fields.end();
    if (findExtension(extensions, dotted) !== undefined)
      throw malformed(`the extension ${dotted} stands twice`);
    if (extensions.length === maxExtensions) throw malformed(`more than ${maxExtensions} extensions`);
    extensions.push({
      oid: dotted,
      critical: critical !== undefined && readBoolean(critical.content),
      value,
    });
  }
  return extensions;
}

export function findExtension(extensions: readonly X509Extension[], oid: string): X509Extension | undefined {
  for (const extension of extensions) if (extension.oid === oid) return extension;
  return undefined;
}

export function keyUsageExtension(usages: readonly KeyUsage[]): X509Extension {
  const value = namedBits(usages.map((usage) => KeyUsageBit[usage]));
  return { oid: ExtensionOid.KeyUsage, critical: true, value };
}

export function readKeyUsage(value: Buffer): ReadonlySet<KeyUsage> {
  const bits = new DerBits(value);
  const usages = new Set<KeyUsage>();
  for (const [usage, bit] of keyUsageBits) if (bits.has(bit)) usages.add(usage);
  return usages;
}

class DerBits {
  readonly #octets: Buffer;
  constructor(value: Buffer) {
    const unused = value[2];
    if (value[0] !== Tag.BitString || value[1] !== value.length - 2 || unused === undefined || unused > 7)
      throw malformed("a malformed bit string");
    this.#octets = value.subarray(3);
  }
  has(bit: number): boolean {
    return ((this.#octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  }
}

export function extendedKeyUsageExtension(oids: readonly string[]): X509Extension {
  return { oid: ExtensionOid.ExtendedKeyUsage, critical: false, value: sequence(...oids.map(oid)) };
}

export function readExtendedKeyUsage(value: Buffer): string[] {
  const reader = readWhole(value, Tag.Sequence);
  const oids: string[] = [];
  while (!reader.atEnd) oids.push(readOid(reader.readContent(Tag.Oid)));
  return oids;
}

export function basicConstraintsExtension(isCa: boolean): X509Extension {
  return {
    oid: ExtensionOid.BasicConstraints,
    critical: true,
    value: isCa ? sequence(boolean(true)) : sequence(),
  };
}

export function readBasicConstraints(value: Buffer): {
  readonly isCa: boolean;
  readonly pathLength: number | undefined;
} {
  const reader = readWhole(value, Tag.Sequence);
  const ca = reader.readOptional(Tag.Boolean);
  const length = reader.readOptional(Tag.Integer);
  reader.end();
  const pathLength = length === undefined ? undefined : readInteger(length.content);
  if (pathLength !== undefined && pathLength < 0n) throw malformed("a negative path length");
  return {
    isCa: ca !== undefined && readBoolean(ca.content),
    // No chain comes near the numbers that are rounded.
    pathLength: pathLength === undefined ? undefined : Number(pathLength),
  };
}

export function subjectKeyIdExtension(keyId: Buffer): X509Extension {
  return { oid: ExtensionOid.SubjectKeyIdentifier, critical: false, value: octetString(keyId) };
}

export function authorityKeyIdExtension(keyId: Buffer): X509Extension {
  const value = sequence(element(primitiveContextTag(0), keyId));
  return { oid: ExtensionOid.AuthorityKeyIdentifier, critical: false, value };
}

export function readSubjectKeyId(value: Buffer): Buffer {
  if (value[0] !== Tag.OctetString || value[1] !== value.length - 2)
    throw malformed("a malformed subject key identifier");
  return value.subarray(2);
}

export function readAuthorityKeyId(value: Buffer): Buffer | undefined {
  return readWhole(value, Tag.Sequence).readOptional(primitiveContextTag(0))?.content;
}

/**
 * DNS names before URIs, as Go writes them.
 *
 * @param critical when the subject is empty.
 * @throws {StatusError} InvalidArgument `DER_MALFORMED` for a name that is not ASCII.
 */
export function subjectAltNameExtension(
  names: { readonly uris: readonly string[]; readonly dnsNames: readonly string[] },
  critical: boolean,
): X509Extension {
  const value = sequence(
    ...names.dnsNames.map((name) => element(primitiveContextTag(2), toIa5(name))),
    ...names.uris.map((uri) => element(primitiveContextTag(6), toIa5(uri))),
  );
  return { oid: ExtensionOid.SubjectAltName, critical, value };
}

export function readSubjectAltName(value: Buffer): SubjectAltName {
  const names = {
    uris: [] as string[],
    dnsNames: [] as string[],
    emails: [] as string[],
    ipAddresses: [] as Buffer[],
  };
  const reader = readWhole(value, Tag.Sequence);
  while (!reader.atEnd) {
    const { tag, content } = reader.read();
    if (tag === primitiveContextTag(6)) names.uris.push(ia5(content));
    else if (tag === primitiveContextTag(2)) names.dnsNames.push(ia5(content));
    else if (tag === primitiveContextTag(1)) names.emails.push(ia5(content));
    else if (tag === primitiveContextTag(7)) names.ipAddresses.push(ipAddress(content));
  }
  return names;
}

function ipAddress(content: Buffer): Buffer {
  if (content.length !== 4 && content.length !== 16)
    throw malformed("an IP address of neither 4 nor 16 octets");
  return content;
}

/** @throws {StatusError} InvalidArgument `DER_MALFORMED`. */
export function ia5(content: Buffer): string {
  const text = content.toString("latin1");
  if (!isAscii.test(text)) throw malformed("a name that is not ASCII");
  return text;
}

const isAscii = /^[\0-\x7f]*$/;

/** Never cut to eight bits: another name would come out. */
function toIa5(text: string): Buffer {
  if (!isAscii.test(text)) throw malformed("a name that is not ASCII");
  return Buffer.from(text, "latin1");
}

/** Certificate policies by their dotted OIDs. */
export function policiesExtension(oids: readonly string[]): X509Extension {
  const value = sequence(...oids.map((dotted) => sequence(oid(dotted))));
  return { oid: ExtensionOid.CertificatePolicies, critical: false, value };
}
