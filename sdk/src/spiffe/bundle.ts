import type { TrustDomain } from "./trust-domain.ts";

/** An X.509 authority of a trust domain. `certificateDer` is one DER certificate. */
export interface X509Authority {
  readonly certificateDer: Buffer;
  readonly tainted: boolean;
}

/** A JWT authority of a trust domain. `publicKeyPkixDer` is a SubjectPublicKeyInfo; no `expiresAt` means never. */
export interface JwtAuthority {
  readonly keyId: string;
  readonly publicKeyPkixDer: Buffer;
  readonly expiresAt: Date | undefined;
  readonly tainted: boolean;
}

/**
 * The trust bundle of one trust domain.
 *
 * `refreshHintSeconds` 0 means no hint; `sequenceNumber` grows with every change.
 * @see SPIFFE Trust Domain and Bundle, section 4
 */
export interface Bundle {
  readonly trustDomain: TrustDomain;
  readonly x509Authorities: readonly X509Authority[];
  readonly jwtAuthorities: readonly JwtAuthority[];
  readonly refreshHintSeconds: number;
  readonly sequenceNumber: number;
}
