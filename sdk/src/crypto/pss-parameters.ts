import { contextTag, DerReader, readInteger, readOid, readWhole, Tag } from "./der.ts";

const hashes = {
  "2.16.840.1.101.3.4.2.1": ["SHA256", 32n],
  "2.16.840.1.101.3.4.2.2": ["SHA384", 48n],
  "2.16.840.1.101.3.4.2.3": ["SHA512", 64n],
} as const;
const mgf1Oid = "1.2.840.113549.1.1.8";
const nullDer = Buffer.of(Tag.Null, 0);

/**
 * The hash of RSASSA-PSS parameters, where they say what Go, too, wants of them: one hash for both the message and MGF1, a
 * salt as long as it, the usual trailer.
 *
 * @param parametersDer RSASSA-PSS-params.
 * @returns undefined for parameters of any other kind.
 * @throws {StatusError} InvalidArgument `DER_MALFORMED`.
 * @see RFC 4055, section 3.1
 */
export function readPssHash(parametersDer: Buffer): "SHA256" | "SHA384" | "SHA512" | undefined {
  const fields = readWhole(parametersDer, Tag.Sequence);
  const [hash, mask, salt, trailer] = [0, 1, 2, 3].map(
    (number) => fields.readOptional(contextTag(number))?.content,
  );
  fields.end();
  // What is absent has a default, and SHA-1 is among them.
  if (hash === undefined || mask === undefined || salt === undefined) return undefined;
  const generator = readWhole(mask, Tag.Sequence);
  const isMgf1 = readOid(generator.readContent(Tag.Oid)) === mgf1Oid;
  const hashOid = readHashOid(readWhole(hash, Tag.Sequence));
  if (!isMgf1 || hashOid === undefined || readHashOid(generator.enter(Tag.Sequence)) !== hashOid)
    return undefined;
  generator.end();
  if (trailer !== undefined && readWholeInteger(trailer) !== 1n) return undefined;
  const [name, saltLength] = Object.hasOwn(hashes, hashOid) ? hashes[hashOid as keyof typeof hashes] : [];
  return readWholeInteger(salt) === saltLength ? name : undefined;
}

/** Of an AlgorithmIdentifier whose parameters are absent or NULL; undefined with others. */
function readHashOid(identifier: DerReader): string | undefined {
  const dotted = readOid(identifier.readContent(Tag.Oid));
  if (identifier.atEnd) return dotted;
  const { raw } = identifier.read();
  identifier.end();
  return raw.equals(nullDer) ? dotted : undefined;
}

function readWholeInteger(der: Buffer): bigint {
  const reader = new DerReader(der);
  const content = reader.readContent(Tag.Integer);
  reader.end();
  return readInteger(content);
}
