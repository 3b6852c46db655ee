/** What a certificate says, in words that do not depend on who has read it. */
export interface CertificateReading {
  readonly version: number;
  /** Lower-case hex without leading zeros. */
  readonly serialNumber: string;
  /** RFC 2253: the most specific part first; types as Go writes them. */
  readonly subject: string;
  readonly issuer: string;
  /** Seconds since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** `P-256`, `RSA-2048`, … */
  readonly publicKey: string;
  /** As Go names it: `ECDSA-SHA256`, `SHA256-RSA`, … */
  readonly signatureAlgorithm: string;
  /** RFC 5280's names, in the order of its bits. */
  readonly keyUsages: readonly string[];
  /** `serverAuth`, `clientAuth`; in the order of the certificate. */
  readonly extendedKeyUsages: readonly string[];
  readonly basicConstraints: boolean;
  readonly isCa: boolean;
  /** -1: none. */
  readonly pathLength: number;
  /** Lower-case hex; "" when absent. */
  readonly subjectKeyId: string;
  readonly authorityKeyId: string;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Alternative names that are neither. */
  readonly otherNames: number;
  /** Dotted, sorted. */
  readonly extensions: readonly string[];
  readonly criticalExtensions: readonly string[];
}

/** Someone's idea of what a certificate is, independent of Finial's own. */
export interface CertificateReader {
  readonly name: string;
  /**
   * Reads the first certificate of a chain and verifies all of it: an SVID for client and for server use.
   *
   * @param chainPem leaf first.
   * @param rootsPath PEM file of trust anchors.
   * @throws what it has against it.
   */
  read(chainPem: string, rootsPath: string): Promise<CertificateReading>;
}
