import { type DerReader, malformed, readOid, Tag } from "./der.ts";
import { oid, sequence } from "./der-writer.ts";
import type { PublicKey } from "./public-key.ts";

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

/** The algorithm Go, and so SPIRE, chooses for a key. */
export function signatureAlgorithmFor(key: Pick<PublicKey, "type">): SignatureAlgorithm {
  const [name, hash] =
    key.type === "ec-p256"
      ? (["ecdsa", "SHA256"] as const)
      : key.type === "ec-p384"
        ? (["ecdsa", "SHA384"] as const)
        : (["rsa", "SHA256"] as const);
  for (const algorithm of algorithms.values())
    if (algorithm.name === name && algorithm.hash === hash) return algorithm;
  throw new TypeError(`no signature algorithm for ${key.type}`);
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
  const { raw, content } = reader.read(Tag.Sequence);
  if (content.length === 0) throw malformed("an empty algorithm identifier");
  const inner = content.subarray(2, 2 + (content[1] ?? 0));
  if (content[0] !== Tag.Oid || content[1] !== inner.length)
    throw malformed("an algorithm without an identifier");
  return { algorithm: algorithms.get(readOid(inner)), raw };
}
