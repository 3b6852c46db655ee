import { StatusError } from "@finial/sdk";
import { type datastore, spireCommon } from "@finial/sdk/server";
import { corrupt } from "../errors.ts";
import { fromTrustDomainId, toTrustDomainId } from "../trust-domain-column.ts";

/** A bundle as SPIRE keeps it. It may hold more than the contract speaks of; that stays as it is. */
export type StoredBundle = spireCommon.Bundle;

export function decodeBundle(blob: Buffer): StoredBundle {
  try {
    return spireCommon.Bundle.decode(blob);
  } catch (error) {
    throw corrupt(`a bundle cannot be read: ${StatusError.from(error).message}`, error);
  }
}

export function encodeBundle(bundle: StoredBundle): Buffer {
  return Buffer.from(spireCommon.Bundle.encode(bundle).finish());
}

export function fromStoredBundle(stored: StoredBundle): datastore.Bundle {
  return {
    trustDomain: fromTrustDomainId(stored.trustDomainId),
    x509Authorities: stored.rootCas.flatMap(({ derBytes, taintedKey }) =>
      splitCertificates(derBytes).map((asn1) => ({ asn1, tainted: taintedKey })),
    ),
    jwtAuthorities: stored.jwtSigningKeys.map(fromStoredJwtKey),
    refreshHint: stored.refreshHint,
    sequenceNumber: stored.sequenceNumber,
  };
}

export function toStoredBundle(bundle: datastore.Bundle): StoredBundle {
  return {
    trustDomainId: toTrustDomainId(bundle.trustDomain),
    rootCas: bundle.x509Authorities.map(({ asn1, tainted }) => ({ derBytes: asn1, taintedKey: tainted })),
    jwtSigningKeys: bundle.jwtAuthorities.map(({ keyId, publicKey, expiresAt, tainted }) => ({
      kid: keyId,
      pkixBytes: publicKey,
      notAfter: expiresAt,
      taintedKey: tainted,
    })),
    refreshHint: bundle.refreshHint,
    sequenceNumber: bundle.sequenceNumber,
    witSigningKeys: [],
  };
}

export function fromStoredJwtKey(key: spireCommon.PublicKey): datastore.JwtAuthority {
  return {
    keyId: key.kid,
    publicKey: key.pkixBytes,
    expiresAt: key.notAfter,
    tainted: key.taintedKey,
  };
}

/** SPIRE's older releases kept whole chains in one field: DER certificates, end to end. */
export function splitCertificates(der: Buffer): Buffer[] {
  const certificates: Buffer[] = [];
  for (let start = 0; start < der.length; ) {
    const end = start + derLength(der.subarray(start));
    certificates.push(der.subarray(start, end));
    start = end;
  }
  return certificates;
}

/** The whole length of the DER value that begins here. */
function derLength(der: Buffer): number {
  const first = der[1] ?? 0;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (octets > 4 || der.length < 2 + octets) throw corrupt("a bundle holds a malformed certificate");
  const length = 2 + octets + (octets === 0 ? first : der.readUIntBE(2, octets));
  if (length > der.length) throw corrupt("a bundle holds a malformed certificate");
  return length;
}
