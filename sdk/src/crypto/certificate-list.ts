import { Certificate } from "./certificate.ts";

/**
 * Certificates one after the other in DER, as the Workload API sends chains and bundles.
 *
 * @throws {StatusError} InvalidArgument `CERTIFICATE_MALFORMED` when one is malformed or cut off.
 * @see SPIFFE Workload API, section 5.2.1
 */
export function parseCertificatesDer(der: Buffer): Certificate[] {
  const certificates: Certificate[] = [];
  for (let rest = der; rest.length > 0; ) {
    const length = elementLength(rest);
    certificates.push(Certificate.parse(rest.subarray(0, length)));
    rest = rest.subarray(length);
  }
  return certificates;
}

/** Of the DER element at the beginning, header included; whether it is well-formed is for others to say. */
function elementLength(der: Buffer): number {
  const first = der[1] ?? 0;
  if (first < 0x80) return 2 + first;
  const size = first & 0x7f;
  if (size === 0 || size > 4 || der.length < 2 + size) return der.length;
  return 2 + size + der.readUIntBE(2, size);
}
