import { createPublicKey, X509Certificate } from "node:crypto";
import type { JWTKey, X509Certificate as WireCertificate } from "@finial/proto/api/types/bundle";
import { Code, StatusError } from "@finial/sdk";
import type { JwtAuthority, X509Authority } from "@finial/sdk/spiffe";
import { fromWireSeconds } from "../../../kernel/convert/instant.ts";

const derSequence = 0x30;

/**
 * X.509 authorities that a caller brings: never tainted, whatever it says. One message may hold several certificates,
 * one after the other; each becomes an authority.
 *
 * @throws {StatusError} InvalidArgument when a certificate is malformed
 */
export function parseX509Authorities(wire: readonly WireCertificate[]): readonly X509Authority[] {
  return wire.flatMap(({ asn1 }) =>
    splitCertificates(asn1).map((certificateDer) => ({ certificateDer, tainted: false })),
  );
}

/**
 * A JWT authority that a caller brings: never tainted, whatever it says.
 *
 * @throws {StatusError} InvalidArgument when the key is malformed or has no ID
 */
export function parseJwtAuthority({ publicKey, keyId, expiresAt }: JWTKey): JwtAuthority {
  checkPublicKey(publicKey);
  if (keyId === "") throw malformed("JWT_AUTHORITY_KEY_ID", "missing key ID");
  return { keyId, publicKeyPkixDer: publicKey, expiresAt: fromWireSeconds(expiresAt), tainted: false };
}

function splitCertificates(der: Buffer): Buffer[] {
  const certificates: Buffer[] = [];
  for (let rest = der; certificates.length === 0 || rest.length > 0; ) {
    const { raw } = readCertificate(rest);
    // What is kept is what came, not what OpenSSL makes of it.
    if (!rest.subarray(0, raw.length).equals(raw)) throw malformed("X509_AUTHORITY", "malformed certificate");
    certificates.push(rest.subarray(0, raw.length));
    rest = rest.subarray(raw.length);
  }
  return certificates;
}

/** The first certificate of several. */
function readCertificate(der: Buffer): X509Certificate {
  // Else a PEM would be read, too.
  if (der[0] !== derSequence) throw malformed("X509_AUTHORITY", "malformed certificate");
  try {
    return new X509Certificate(der);
  } catch (error) {
    throw malformed("X509_AUTHORITY", "malformed certificate", error);
  }
}

function checkPublicKey(der: Buffer): void {
  try {
    createPublicKey({ key: der, format: "der", type: "spki" });
  } catch (error) {
    throw malformed("JWT_AUTHORITY", "malformed public key", error);
  }
}

function malformed(reason: string, message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message, { cause });
}
