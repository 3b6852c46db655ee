import type { Bundle as WireBundle } from "@finial/proto/api/types/bundle";
import { Certificate, parseCertificatesPem, toPem } from "@finial/sdk/crypto";
import { formatBundleDocument, parseBundleDocument, parseTrustDomain } from "@finial/sdk/spiffe";
import { fromWireBundle, toWireBundle } from "../../../kernel/convert/bundle.ts";
import { oneOf } from "../../flag.ts";
import { messageOf } from "../../io.ts";
import { usageError } from "../../usage-error.ts";

export type BundleFormat = "pem" | "spiffe";

export const formatFlag = (what: string) => oneOf<BundleFormat>(`${what}: pem or spiffe`, ["pem", "spiffe"]);

/** A bundle as PEM certificates, or as a document of the SPIFFE format. */
export function formatBundle(bundle: WireBundle, format: BundleFormat): string {
  if (format === "spiffe") return `${formatBundleDocument(fromWireBundle(bundle))}\n`;
  return bundle.x509Authorities.map(({ asn1 }) => toPem("CERTIFICATE", asn1)).join("");
}

/**
 * Reads a bundle of a trust domain.
 *
 * @throws {StatusError} InvalidArgument saying what of it is malformed.
 */
export function parseBundle(text: string, format: BundleFormat, id: string): WireBundle {
  const trustDomain = parseTrustDomain(id);
  try {
    if (format === "spiffe") return toWireBundle(parseBundleDocument(trustDomain, text));
    return toWireBundle({
      trustDomain,
      x509Authorities: parseCertificatesPem(text).map((der) => ({
        certificateDer: Certificate.parse(der).der,
        tainted: false,
      })),
      jwtAuthorities: [],
      refreshHintSeconds: 0,
      sequenceNumber: 0,
    });
  } catch (error) {
    const what = format === "spiffe" ? "parse to spiffe bundle" : "parse bundle data";
    throw usageError(`unable to ${what}: ${messageOf(error)}`);
  }
}
