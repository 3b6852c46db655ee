import { SpiffeId } from "./spiffe-id.ts";
import { TrustDomain } from "./trust-domain.ts";

/**
 * Parses a trust domain from its name (`example.org`) or from any SPIFFE ID in it (`spiffe://example.org/db`).
 *
 * @throws {StatusError} InvalidArgument with a `TRUST_DOMAIN_…` or `SPIFFE_ID_…` reason.
 * @see SPIFFE-ID, section 2.1
 */
export function parseTrustDomain(text: string): TrustDomain {
  if (text.includes(":/")) return SpiffeId.parse(text).trustDomain;
  return TrustDomain.checked(text);
}
