import { checkInteger, malformed, readWhole, Tag } from "./der.ts";
import { sequence, unsignedInteger } from "./der-writer.ts";

/**
 * An ECDSA signature from ASN.1 (r, s) to r‖s, as JOSE wants it.
 *
 * @param size octets of r and of s: 32 for P-256, 48 for P-384.
 * @see RFC 7518, section 3.4
 */
export function ecdsaDerToRaw(der: Buffer, size: number): Buffer {
  const reader = readWhole(der, Tag.Sequence);
  const raw = Buffer.alloc(2 * size);
  for (const end of [size, 2 * size]) {
    const content = reader.readContent(Tag.Integer);
    checkInteger(content);
    if (content.readInt8() < 0) throw malformed("a negative number in an ECDSA signature");
    const magnitude = content[0] === 0 ? content.subarray(1) : content;
    if (magnitude.length > size) throw malformed("an ECDSA signature larger than its curve");
    magnitude.copy(raw, end - magnitude.length);
  }
  reader.end();
  return raw;
}

/** An ECDSA signature from r‖s to ASN.1 (r, s). */
export function ecdsaRawToDer(raw: Buffer): Buffer {
  const half = raw.length / 2;
  return sequence(unsignedInteger(raw.subarray(0, half)), unsignedInteger(raw.subarray(half)));
}
