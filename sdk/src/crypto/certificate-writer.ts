import { contextTag } from "./der.ts";
import { bitString, element, sequence, smallInteger, time, unsignedInteger } from "./der-writer.ts";
import type { PublicKey } from "./public-key.ts";
import { signatureAlgorithmFor } from "./signature-algorithm.ts";
import { encodeExtension, type X509Extension } from "./x509-extension.ts";

const version3 = element(contextTag(0), smallInteger(2));

/** Who signs: a key wherever it lives. */
export interface CertificateSigner {
  readonly publicKey: PublicKey;
  /** @returns ASN.1 DER for ECDSA, PKCS#1 v1.5 for RSA. */
  sign(message: Buffer, hash: "SHA256" | "SHA384" | "SHA512"): Promise<Buffer>;
}

export interface CertificateFields {
  /** Big-endian, positive. */
  readonly serialNumber: Buffer;
  /** DER, copied from the issuer's subject. */
  readonly issuerDer: Buffer;
  readonly subjectDer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo. */
  readonly pkixDer: Buffer;
  readonly extensions: readonly X509Extension[];
}

/**
 * Writes and signs an X.509 v3 certificate.
 *
 * @returns its DER.
 * @see RFC 5280, section 4.1
 */
export async function createCertificate(
  fields: CertificateFields,
  signer: CertificateSigner,
): Promise<Buffer> {
  const algorithm = signatureAlgorithmFor(signer.publicKey);
  const tbs = sequence(
    version3,
    unsignedInteger(fields.serialNumber),
    algorithm.der,
    fields.issuerDer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subjectDer,
    fields.pkixDer,
    element(contextTag(3), sequence(...fields.extensions.map(encodeExtension))),
  );
  return sequence(tbs, algorithm.der, bitString(await signer.sign(tbs, algorithm.hash)));
}
