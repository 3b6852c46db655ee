import { Tag } from "./der.ts";

/** An element of a tag and the parts of its content. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const lengthOctets = octetsOf(length);
  let offset = length < 0x80 ? 2 : 2 + lengthOctets;
  const bytes = Buffer.allocUnsafe(offset + length);
  bytes[0] = tag;
  if (length < 0x80) bytes[1] = length;
  else {
    bytes[1] = 0x80 | lengthOctets;
    bytes.writeUIntBE(length, 2, lengthOctets);
  }
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** How many octets a number takes. */
function octetsOf(value: number): number {
  let octets = 1;
  for (let rest = Math.floor(value / 256); rest > 0; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(Tag.Sequence, ...parts);
}

/** A SET OF, whose members DER wants in order of their encodings. */
export function setOf(...parts: readonly Buffer[]): Buffer {
  return element(Tag.Set, ...[...parts].sort(Buffer.compare));
}

/** A non-negative integer from its big-endian octets. */
export function unsignedInteger(magnitude: Buffer): Buffer {
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start++;
  const trimmed = magnitude.subarray(start);
  return (trimmed[0] ?? 0) >= 0x80
    ? element(Tag.Integer, Buffer.of(0), trimmed)
    : element(Tag.Integer, trimmed.length === 0 ? Buffer.of(0) : trimmed);
}

export function smallInteger(value: number): Buffer {
  const hex = value.toString(16);
  return unsignedInteger(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex"));
}

export function boolean(value: boolean): Buffer {
  return element(Tag.Boolean, Buffer.of(value ? 0xff : 0));
}

/** @param dotted such as `2.5.29.17`. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(Tag.Oid, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): number[] {
  const octets = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift(0x80 | (rest % 128));
  return octets;
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(Tag.OctetString, bytes);
}

/** Whole octets. */
export function bitString(bytes: Uint8Array): Buffer {
  return element(Tag.BitString, Buffer.of(0), bytes);
}

/** A named bit list, trailing zero bits dropped as DER wants it. */
export function namedBits(bits: readonly number[]): Buffer {
  const highest = Math.max(...bits, -1);
  const octets = Buffer.alloc(Math.floor(highest / 8) + 1);
  for (const bit of bits)
    octets[Math.floor(bit / 8)] = (octets[Math.floor(bit / 8)] ?? 0) | (0x80 >> (bit % 8));
  return element(Tag.BitString, Buffer.of(highest < 0 ? 0 : 7 - (highest % 8)), octets);
}

/** What is issued in one second begins and ends at the same few seconds. */
const recentTimes = new Map<number, Buffer>();
const maxRecentTimes = 64;

/**
 * UTCTime from 1950 to 2049, GeneralizedTime else. @see RFC 5280, section 4.1.2.5
 *
 * @throws {TypeError} for years that four digits cannot say.
 */
export function time(date: Date): Buffer {
  const second = Math.floor(date.getTime() / 1000);
  const recent = recentTimes.get(second);
  if (recent !== undefined) return recent;
  const encoded = encodeTime(date);
  if (recentTimes.size >= maxRecentTimes) recentTimes.clear();
  recentTimes.set(second, encoded);
  return encoded;
}

function encodeTime(date: Date): Buffer {
  const year = date.getUTCFullYear();
  if (!(year >= 0 && year <= 9999)) throw new TypeError(`X.509 cannot say the year ${year}`);
  // 2006-01-02T15:04:05.000Z
  const iso = date.toISOString();
  const digits = (from: number): string => iso.slice(from, from + 2);
  const afterYear = `${digits(5)}${digits(8)}${digits(11)}${digits(14)}${digits(17)}Z`;
  return year >= 1950 && year < 2050
    ? element(Tag.UtcTime, Buffer.from(`${digits(2)}${afterYear}`, "latin1"))
    : element(Tag.GeneralizedTime, Buffer.from(`${iso.slice(0, 4)}${afterYear}`, "latin1"));
}
