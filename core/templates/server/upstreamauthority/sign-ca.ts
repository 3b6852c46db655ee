import { randomBytes, sign } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import {
  authorityKeyIdExtension,
  basicConstraintsExtension,
  CertificateRequest,
  createCertificate,
  keyUsageExtension,
  subjectAltNameExtension,
  subjectKeyIdExtension,
} from "@finial/sdk/crypto";
import type { Config } from "./config.ts";

const defaultTtlSeconds = 3600;
/** Before its own time a certificate is valid already, for clocks that differ. */
const backdateMs = 10_000;

/**
 * Signs a CA certificate of this trust domain.
 *
 * @param ttlSeconds an hour when not positive; never beyond the root's own end.
 * @returns the certificate's DER.
 * @throws {StatusError} InvalidArgument for a request that is none, is not signed by its key, or is of another trust domain.
 */
export async function signCa(
  { certificate, privateKey, trustDomain }: Config,
  csr: Buffer,
  { ttlSeconds, now }: { readonly ttlSeconds: number; readonly now: Date },
): Promise<Buffer> {
  const request = await verified(csr);
  const { uris } = request.subjectAltName;
  if (uris.length !== 1 || uris[0] !== trustDomain.idText)
    throw invalid(`the CSR must have the URI ${trustDomain.idText} and no other`);
  const { publicKey } = request;
  const notAfterMs = now.getTime() + (ttlSeconds > 0 ? ttlSeconds : defaultTtlSeconds) * 1000;
  const { subjectKeyId } = certificate;
  return await createCertificate(
    {
      serialNumber: randomBytes(16),
      issuerDer: certificate.subjectDer,
      subjectDer: request.subjectDer,
      notBefore: new Date(now.getTime() - backdateMs),
      notAfter: new Date(Math.min(notAfterMs, certificate.notAfter.getTime())),
      pkixDer: publicKey.pkixDer,
      extensions: [
        keyUsageExtension(["keyCertSign", "cRLSign"]),
        basicConstraintsExtension(true),
        subjectKeyIdExtension(publicKey.subjectKeyId),
        ...(subjectKeyId === undefined ? [] : [authorityKeyIdExtension(subjectKeyId)]),
        subjectAltNameExtension({ uris, dnsNames: [] }, false),
      ],
    },
    {
      publicKey: certificate.publicKey,
      sign: async (message, hash) => sign(hash, message, privateKey),
    },
  );
}

async function verified(csr: Buffer): Promise<CertificateRequest> {
  let request: CertificateRequest;
  try {
    request = CertificateRequest.parse(csr);
  } catch (cause) {
    throw invalid(`the CSR cannot be read: ${StatusError.from(cause).message}`);
  }
  if (!(await request.verify())) throw invalid("the CSR is not signed by its key");
  return request;
}

function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "CSR", message);
}
