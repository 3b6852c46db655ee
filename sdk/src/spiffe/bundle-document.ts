import { createPublicKey, type webcrypto } from "node:crypto";
import { Certificate } from "../crypto/certificate.ts";
import { PublicKey } from "../crypto/public-key.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Bundle, JwtAuthority, X509Authority } from "./bundle.ts";
import type { TrustDomain } from "./trust-domain.ts";

interface JwkJson extends webcrypto.JsonWebKey {
  use?: string;
  kid?: string;
  x5c?: string[];
}

interface DocumentJson {
  keys?: JwkJson[] | null;
  spiffe_sequence?: number;
  spiffe_refresh_hint?: number;
}

/**
 * A bundle in the SPIFFE format, a JWK Set, indented by four spaces as operators know it.
 *
 * @see SPIFFE Trust Domain and Bundle, section 4
 */
export function formatBundleDocument(bundle: Bundle): string {
  const document: DocumentJson = {
    keys: [
      ...bundle.x509Authorities.map(({ certificateDer }) => x509Jwk(certificateDer)),
      ...bundle.jwtAuthorities.map((authority) => ({ use: "jwt-svid", ...jwtJwk(authority) })),
    ],
    ...(bundle.sequenceNumber > 0 && { spiffe_sequence: bundle.sequenceNumber }),
    ...(bundle.refreshHintSeconds > 0 && { spiffe_refresh_hint: bundle.refreshHintSeconds }),
  };
  return JSON.stringify(document, undefined, 4);
}

/** The JWT authorities as a plain JWK Set, without `use`: what the Workload API hands out. */
export function formatJwks(authorities: readonly JwtAuthority[]): string {
  return JSON.stringify({ keys: authorities.map(jwtJwk) });
}

/**
 * Parses a bundle in the SPIFFE format.
 *
 * @throws {StatusError} InvalidArgument `BUNDLE_MALFORMED`.
 */
export function parseBundleDocument(trustDomain: TrustDomain, text: string): Bundle {
  const document = parseDocument(text);
  if (!Array.isArray(document.keys)) throw malformed("no authorities found");
  const x509Authorities: X509Authority[] = [];
  const jwtAuthorities: JwtAuthority[] = [];
  for (const [index, key] of document.keys.entries()) {
    if (key.use === "x509-svid") x509Authorities.push(readX509(key, index));
    else if (key.use === "jwt-svid") jwtAuthorities.push(readJwt(key, index));
    // Keys of other uses are for others: the specification asks to pass over them.
  }
  return {
    trustDomain,
    x509Authorities,
    jwtAuthorities,
    refreshHintSeconds: document.spiffe_refresh_hint ?? 0,
    sequenceNumber: document.spiffe_sequence ?? 0,
  };
}

/**
 * Parses a JWK Set of JWT authorities, as formatJwks writes it; `use` is not asked for.
 *
 * @throws {StatusError} InvalidArgument `BUNDLE_MALFORMED`.
 */
export function parseJwks(text: string): readonly JwtAuthority[] {
  const { keys } = parseDocument(text);
  if (!Array.isArray(keys)) throw malformed("no authorities found");
  return keys.map(readJwt);
}

function parseDocument(text: string): DocumentJson {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("unable to parse JWKS");
  }
  if (typeof value !== "object" || value === null) throw malformed("unable to parse JWKS");
  return value;
}

function x509Jwk(certificateDer: Buffer): JwkJson {
  const { keyObject } = Certificate.parse(certificateDer).publicKey;
  return {
    use: "x509-svid",
    ...keyObject.export({ format: "jwk" }),
    x5c: [certificateDer.toString("base64")],
  };
}

function jwtJwk({ keyId, publicKeyPkixDer }: JwtAuthority): JwkJson {
  return { ...PublicKey.parse(publicKeyPkixDer).keyObject.export({ format: "jwk" }), kid: keyId };
}

function readX509(key: JwkJson, index: number): X509Authority {
  const [encoded, ...more] = key.x5c ?? [];
  if (encoded === undefined || more.length > 0)
    throw malformed(`expected a single certificate in x509-svid entry ${index}; got ${key.x5c?.length ?? 0}`);
  const certificateDer = Buffer.from(encoded, "base64");
  Certificate.parse(certificateDer);
  return { certificateDer, tainted: false };
}

function readJwt(key: JwkJson, index: number): JwtAuthority {
  if (typeof key.kid !== "string" || key.kid === "")
    throw malformed(`missing key ID in jwt-svid entry ${index}`);
  try {
    const publicKey = PublicKey.of(createPublicKey({ key, format: "jwk" }));
    return { keyId: key.kid, publicKeyPkixDer: publicKey.pkixDer, expiresAt: undefined, tainted: false };
  } catch (error) {
    throw new StatusError(
      Code.InvalidArgument,
      "BUNDLE_MALFORMED",
      `malformed key in jwt-svid entry ${index}`,
      {
        cause: error,
      },
    );
  }
}

function malformed(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "BUNDLE_MALFORMED", message);
}
