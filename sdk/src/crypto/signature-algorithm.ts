import { type DerReader, readOid, Tag } from "./der.ts";
import { oid, sequence } from "./der-writer.ts";
import type { PublicKey, PublicKeyType } from "./public-key.ts";

/** A signature algorithm of X.509: its AlgorithmIdentifier and the hash under it. */
export interface SignatureAlgorithm {
  readonly name: "ecdsa" | "rsa";
  readonly hash: "SHA256" | "SHA384" | "SHA512";
  readonly der: Buffer;
}

const nullDer = Buffer.of(Tag.Null, 0);

const algorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  (
    [
      ["1.2.840.10045.4.3.2", "ecdsa", "SHA256"],
      ["1.2.840.10045.4.3.3", "ecdsa", "SHA384"],
      ["1.2.840.10045.4.3.4", "ecdsa", "SHA512"],
      ["1.2.840.113549.1.1.11", "rsa", "SHA256"],
      ["1.2.840.113549.1.1.12", "rsa", "SHA384"],
      ["1.2.840.113549.1.1.13", "rsa", "SHA512"],
    ] as const
  ).map(([dotted, name, hash]) => [
    dotted,
    { name, hash, der: name === "rsa" ? sequence(oid(dotted), nullDer) : sequence(oid(dotted)) },
  ]),
);

const preferred: Readonly<Partial<Record<PublicKeyType, string>>> = {
  "ec-p256": "1.2.840.10045.4.3.2",
  "ec-p384": "1.2.840.10045.4.3.3",
  "ec-p521": "1.2.840.10045.4.3.4",
  "rsa-2048": "1.2.840.113549.1.1.11",
  "rsa-4096": "1.2.840.113549.1.1.11",
  "rsa-other": "1.2.840.113549.1.1.11",
};

/** The algorithm Go, and so SPIRE, chooses for a key. @throws {TypeError} for a key that Finial cannot sign with. */
export function signatureAlgorithmFor(key: Pick<PublicKey, "type">): SignatureAlgorithm {
  const dotted = preferred[key.type];
  const algorithm = dotted === undefined ? undefined : algorithms.get(dotted);
  if (algorithm === undefined) throw new TypeError(`no signature algorithm for a key of type ${key.type}`);
  return algorithm;
}

/**
 * Reads an AlgorithmIdentifier of a signature.
 *
 * @returns undefined for algorithms that Finial does not verify: SHA-1, PSS and other curves.
 */
export function readSignatureAlgorithm(reader: DerReader): {
  readonly algorithm: SignatureAlgorithm | undefined;
  readonly raw: Buffer;
} {
  const element = reader.read(Tag.Sequence);
  const { raw } = element;
  // As nearly all are written; the same algorithm with other parameters is found by its OID.
  for (const algorithm of algorithms.values()) if (algorithm.der.equals(raw)) return { algorithm, raw };
  const fields = element.reader();
  const dotted = readOid(fields.readContent(Tag.Oid));
  if (!fields.atEnd) fields.read();
  fields.end();
  return { algorithm: algorithms.get(dotted), raw };
}
