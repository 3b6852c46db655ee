import { invalidArgument } from "./errors.ts";

const scheme = "spiffe://";

/** A trust domain as SPIRE's bundles table has it: `spiffe://example.org`. */
export function toTrustDomainId(name: string): string {
  if (name === "") throw invalidArgument("TRUST_DOMAIN_MISSING", "trust domain is required");
  return `${scheme}${name}`;
}

/** The bare name of such a trust domain. */
export function fromTrustDomainId(id: string): string {
  return id.startsWith(scheme) ? id.slice(scheme.length) : id;
}
