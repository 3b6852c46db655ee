import type { TLSSocket } from "node:tls";

/** What the other end sent, leaf first, DER. Node links each to its issuer among what was sent, a root to itself. */
export function chainOf(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  let certificate = socket.getPeerX509Certificate();
  while (certificate !== undefined) {
    chain.push(certificate.raw);
    const issuer = certificate.issuerCertificate;
    certificate = issuer === undefined || issuer.raw.equals(certificate.raw) ? undefined : issuer;
  }
  return chain;
}
