import { type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  type Certificate,
  type CertificateRequest,
  type CertificateSigner,
  createCertificate,
  ExtensionOid,
  keyUsageExtension,
  PublicKey,
  subjectKeyIdExtension,
  type X509Extension,
} from "@finial/sdk/crypto";
import type { TrustDomain } from "@finial/sdk/spiffe";

/** The CA that stands above the server's. */
export interface UpstreamCa {
  readonly trustDomain: TrustDomain;
  readonly certificate: Certificate;
  readonly privateKey: KeyObject;
  /** The CA's certificate first, without the roots; empty when it is the root. */
  readonly chain: readonly Certificate[];
  readonly roots: readonly Certificate[];
}

const signAsync = promisify<string, Buffer, KeyObject, Buffer>(sign);
const defaultTtlSeconds = 3600;
/** Before its own time a certificate is valid already, for clocks that differ. */
const backdateMs = 10_000;
/** What makes a certificate a CA of this CA is not the requester's to say. */
const decidedHere: ReadonlySet<string> = new Set([
  ExtensionOid.KeyUsage,
  ExtensionOid.BasicConstraints,
  ExtensionOid.SubjectKeyIdentifier,
  ExtensionOid.AuthorityKeyIdentifier,
]);

/**
 * Signs a CA certificate of the request's name, key and names.
 *
 * @param request verified.
 * @param ttlSeconds an hour when not positive; never beyond the CA's own end.
 * @param serialNumber 16 octets.
 * @returns the certificate's DER.
 */
export async function signCa(
  ca: UpstreamCa,
  request: CertificateRequest,
  { ttlSeconds, now, serialNumber }: IssueOptions,
): Promise<Buffer> {
  const { subjectKeyId: issuerKeyId, notAfter, subjectDer: issuerDer } = ca.certificate;
  const ttlMs = (ttlSeconds > 0 ? ttlSeconds : defaultTtlSeconds) * 1000;
  return await createCertificate(
    {
      serialNumber,
      issuerDer,
      subjectDer: request.subjectDer,
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(Math.min(now.getTime() + ttlMs, notAfter.getTime())),
      pkixDer: request.publicKey.pkixDer,
      extensions: [
        keyUsageExtension(["keyCertSign", "cRLSign"]),
        basicConstraintsExtension(true),
        subjectKeyIdExtension(request.publicKey.subjectKeyId),
        ...(issuerKeyId === undefined ? [] : [authorityKeyIdExtension(issuerKeyId)]),
        ...request.extensions.filter(({ oid }: X509Extension) => !decidedHere.has(oid)),
      ],
    },
    signerOf(ca.privateKey),
  );
}

export interface IssueOptions {
  readonly ttlSeconds: number;
  readonly now: Date;
  readonly serialNumber: Buffer;
}

function signerOf(privateKey: KeyObject): CertificateSigner {
  return {
    publicKey: PublicKey.of(privateKey),
    sign: (message, hash) => signAsync(hash, message, privateKey),
  };
}
