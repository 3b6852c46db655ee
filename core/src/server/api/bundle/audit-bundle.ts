import { createHash } from "node:crypto";
import type { Bundle, BundleMask, JWTKey, X509Certificate } from "@finial/proto/api/types/bundle";
import type { LogFields } from "@finial/sdk";

/** A bundle of a request as SPIRE names its fields in the audit log. */
export function auditBundle(wire: Bundle, mask?: BundleMask): LogFields {
  const wants = (field: keyof BundleMask): boolean => mask === undefined || mask[field];
  return {
    trust_domain_id: wire.trustDomain,
    ...(wants("refreshHint") && { refresh_hint: wire.refreshHint }),
    ...(wants("sequenceNumber") && { sequence_number: wire.sequenceNumber }),
    ...(wants("jwtAuthorities") && auditJwtAuthorities(wire.jwtAuthorities)),
    ...(wants("x509Authorities") && auditX509Authorities(wire.x509Authorities)),
  };
}

/** Numbered from 0; keys by their hash. */
export function auditJwtAuthorities(keys: readonly JWTKey[]): LogFields {
  const numbered = keys.flatMap((key, index) =>
    Object.entries(auditJwtAuthority(key)).map(([name, value]) => [`${name}.${index}`, value]),
  );
  return Object.fromEntries(numbered);
}

export function auditJwtAuthority({ expiresAt, keyId, publicKey }: JWTKey): LogFields {
  return {
    jwt_authority_expires_at: expiresAt,
    jwt_authority_key_id: keyId,
    jwt_authority_public_key_sha256: sha256(publicKey),
  };
}

/** Numbered from 0; certificates by their hash. */
export function auditX509Authorities(certificates: readonly X509Certificate[]): LogFields {
  return Object.fromEntries(
    certificates.map(({ asn1 }, index) => [`x509_authorities_asn1_sha256.${index}`, sha256(asn1)]),
  );
}

function sha256(bytes: Buffer): string {
  return bytes.length === 0 ? "" : createHash("sha256").update(bytes).digest("hex");
}
