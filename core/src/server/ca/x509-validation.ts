import { Code, StatusError } from "@finial/sdk";
import { type Certificate, ExtendedKeyUsageOid, ExtensionOid, type KeyUsage } from "@finial/sdk/crypto";
import type { SpiffeId, TrustDomain } from "@finial/sdk/spiffe";

/**
 * Looks at a CA certificate as a stranger would, before anybody is given it: composers and upstreams had a hand in it.
 *
 * @throws {StatusError} Internal `X509_CA_INVALID`.
 */
export function checkX509Ca(certificate: Certificate, trustDomain: TrustDomain, now: Date): void {
  const wrong = (why: string): StatusError =>
    new StatusError(Code.Internal, "X509_CA_INVALID", `invalid X509 CA: ${why}`);
  if (!hasBasicConstraints(certificate)) throw wrong("basic constraints are not valid");
  if (!certificate.isCa) throw wrong("cA constraint is not set");
  if (!certificate.keyUsage?.has("keyCertSign")) throw wrong("keyCertSign key usage must be set");
  if (!isWithin(certificate.keyUsage, ["keyCertSign", "cRLSign", "digitalSignature"]))
    throw wrong("only keyCertSign, cRLSign, or digitalSignature key usage can be set");
  const { uris } = certificate.subjectAltName;
  const wanted = trustDomain.idText;
  if (uris.length > 1 || (uris[0] !== undefined && uris[0] !== wanted))
    throw wrong(unexpectedUri(wanted, uris));
  const untimely = timeProblem(certificate, now);
  if (untimely !== undefined) throw wrong(untimely);
}

/** @throws {StatusError} Internal `X509_SVID_INVALID`. */
export function checkX509Svid(certificate: Certificate, id: SpiffeId, now: Date): void {
  const wrong = invalidSvid;
  if (!hasBasicConstraints(certificate)) throw wrong("basic constraints are not valid");
  if (certificate.isCa) throw wrong("cA constraint must not be set");
  if (!certificate.keyUsage?.has("digitalSignature")) throw wrong("digitalSignature key usage must be set");
  if (!isWithin(certificate.keyUsage, ["digitalSignature", "keyEncipherment", "keyAgreement"]))
    throw wrong("only digitalSignature, keyEncipherment, and keyAgreement key usage can be set");
  const usages = certificate.extendedKeyUsage;
  const missing = (["serverAuth", "clientAuth"] as const).filter(
    (usage) => !usages.includes(ExtendedKeyUsageOid[usage]),
  );
  if (usages.length > 0 && missing.length === 2)
    throw wrong("missing both serverAuth and clientAuth extended key usage");
  if (usages.length > 0 && missing.length === 1) throw wrong(`missing ${missing[0]} extended key usage`);
  const { uris } = certificate.subjectAltName;
  const wanted = id.toString();
  if (uris.length === 0) throw wrong("missing URI SAN");
  if (uris.length > 1 || uris[0] !== wanted) throw wrong(unexpectedUri(wanted, uris));
  checkX509SvidTimes(certificate, now);
}

/** The part of it that time decides alone. @throws {StatusError} Internal `X509_SVID_INVALID`. */
export function checkX509SvidTimes(validity: Pick<Certificate, "notBefore" | "notAfter">, now: Date): void {
  const untimely = timeProblem(validity, now);
  if (untimely !== undefined) throw invalidSvid(untimely);
}

function invalidSvid(why: string): StatusError {
  return new StatusError(Code.Internal, "X509_SVID_INVALID", `invalid X509-SVID: ${why}`);
}

function hasBasicConstraints(certificate: Certificate): boolean {
  return certificate.extensions.some(({ oid }) => oid === ExtensionOid.BasicConstraints);
}

function isWithin(usages: ReadonlySet<KeyUsage>, allowed: readonly KeyUsage[]): boolean {
  return [...usages].every((usage) => allowed.includes(usage));
}

function unexpectedUri(wanted: string, uris: readonly string[]): string {
  return `expected URI SAN "${wanted}" but got [${uris.join(" ")}]`;
}

function timeProblem(
  { notBefore, notAfter }: Pick<Certificate, "notBefore" | "notAfter">,
  now: Date,
): string | undefined {
  // Certificates have whole seconds.
  if (now < notBefore) return `not yet valid until ${notBefore.toISOString()}`;
  return now > notAfter ? `already expired as of ${notAfter.toISOString()}` : undefined;
}
