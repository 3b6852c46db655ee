import { type DerReader, readOid, Tag } from "./der.ts";
import { oid, sequence } from "./der-writer.ts";
import { readPssHash } from "./pss-parameters.ts";
import type { PublicKey, PublicKeyType } from "./public-key.ts";

/** An algorithm that Finial signs with: its AlgorithmIdentifier and the hash under it. */
export interface SignatureAlgorithm {
  readonly name: "ecdsa" | "rsa";
  readonly hash: "SHA256" | "SHA384" | "SHA512";
  readonly der: Buffer;
}

/** An algorithm whose signatures are verified, such as those of an operator's own PKI. */
export type VerifiableAlgorithm =
  | Pick<SignatureAlgorithm, "name" | "hash">
  | { readonly name: "rsa-pss"; readonly hash: SignatureAlgorithm["hash"] }
  | { readonly name: "ed25519"; readonly hash: undefined };

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
const pssOid = "1.2.840.113549.1.1.10";
const ed25519Oid = "1.3.101.112";

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
 * @returns undefined for algorithms that Finial does not verify: SHA-1, PSS with parameters of its own, and other curves.
 */
export function readSignatureAlgorithm(reader: DerReader): {
  readonly algorithm: VerifiableAlgorithm | undefined;
  readonly raw: Buffer;
} {
  const element = reader.read(Tag.Sequence);
  const { raw } = element;
  // As nearly all are written; the same algorithm with other parameters is found by its OID.
  for (const algorithm of algorithms.values()) if (algorithm.der.equals(raw)) return { algorithm, raw };
  const fields = element.reader();
  const dotted = readOid(fields.readContent(Tag.Oid));
  const parametersDer = fields.atEnd ? undefined : fields.read().raw;
  fields.end();
  return { algorithm: findAlgorithm(dotted, parametersDer), raw };
}

function findAlgorithm(dotted: string, parametersDer: Buffer | undefined): VerifiableAlgorithm | undefined {
  // Parameters must be absent. @see RFC 8410, section 3
  if (dotted === ed25519Oid)
    return parametersDer === undefined ? { name: "ed25519", hash: undefined } : undefined;
  if (dotted !== pssOid) return algorithms.get(dotted);
  const hash = parametersDer === undefined ? undefined : readPssHash(parametersDer);
  return hash === undefined ? undefined : { name: "rsa-pss", hash };
}
