import { createPublicKey, type webcrypto } from "node:crypto";
import { Certificate } from "../crypto/certificate.ts";
import { PublicKey } from "../crypto/public-key.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Bundle, JwtAuthority, X509Authority } from "./bundle.ts";
import type { TrustDomain } from "./trust-domain.ts";

type Jwk = webcrypto.JsonWebKey;

/**
 * A bundle in the SPIFFE format, a JWK Set, indented by four spaces as operators know it.
 *
 * @see SPIFFE Trust Domain and Bundle, section 4
 */
export function formatBundleDocument(bundle: Bundle): string {
  const document = {
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
 * Parses a bundle in the SPIFFE format. Keys of other uses are for others: the specification asks to pass over them.
 *
 * @throws {StatusError} InvalidArgument `BUNDLE_MALFORMED`.
 */
export function parseBundleDocument(trustDomain: TrustDomain, text: string): Bundle {
  const document = parseObject(text);
  // The same certificate twice is one authority.
  const x509Authorities = new Map<string, X509Authority>();
  const jwtAuthorities: JwtAuthority[] = [];
  for (const [index, key] of keysOf(document).entries()) {
    if (key.use === "x509-svid") {
      const authority = readX509(key, index);
      x509Authorities.set(authority.certificateDer.toString("base64"), authority);
    } else if (key.use === "jwt-svid") jwtAuthorities.push(readJwt(key, index));
  }
  return {
    trustDomain,
    x509Authorities: [...x509Authorities.values()],
    jwtAuthorities,
    refreshHintSeconds: wholeNumber(document, "spiffe_refresh_hint"),
    sequenceNumber: wholeNumber(document, "spiffe_sequence"),
  };
}

/**
 * Parses a JWK Set of JWT authorities, as formatJwks writes it; `use` is not asked for.
 *
 * @throws {StatusError} InvalidArgument `BUNDLE_MALFORMED`.
 */
export function parseJwks(text: string): readonly JwtAuthority[] {
  return keysOf(parseObject(text)).map(readJwt);
}

type JsonObject = Readonly<Record<string, unknown>>;

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed("unable to parse JWKS: it is not JSON");
  }
  if (!isObject(value)) throw malformed("unable to parse JWKS: it is not an object");
  return value;
}

function keysOf({ keys }: JsonObject): readonly JsonObject[] {
  if (keys === undefined || keys === null) throw malformed("no authorities found");
  if (!Array.isArray(keys) || !keys.every(isObject))
    throw malformed("unable to parse JWKS: keys is not a list of objects");
  return keys;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Absent and null mean 0. */
function wholeNumber(document: JsonObject, name: string): number {
  const value = document[name] ?? 0;
  if (!Number.isSafeInteger(value) || Number(value) < 0)
    throw malformed(`unable to parse JWKS: ${name} is not a whole number`);
  return Number(value);
}

function x509Jwk(certificateDer: Buffer): object {
  const { keyObject } = Certificate.parse(certificateDer).publicKey;
  return {
    use: "x509-svid",
    ...keyObject.export({ format: "jwk" }),
    x5c: [certificateDer.toString("base64")],
  };
}

function jwtJwk({ keyId, publicKeyPkixDer }: JwtAuthority): object {
  return { ...PublicKey.parse(publicKeyPkixDer).keyObject.export({ format: "jwk" }), kid: keyId };
}

function readX509({ x5c }: JsonObject, index: number): X509Authority {
  const certificates: readonly unknown[] = Array.isArray(x5c) ? x5c : [];
  const [encoded] = certificates;
  if (typeof encoded !== "string" || certificates.length > 1)
    throw malformed(`expected a single certificate in x509-svid entry ${index}; got ${certificates.length}`);
  const certificateDer = Buffer.from(encoded, "base64");
  try {
    Certificate.parse(certificateDer);
  } catch (error) {
    throw malformed(`malformed certificate in x509-svid entry ${index}`, error);
  }
  return { certificateDer, tainted: false };
}

function readJwt(key: JsonObject, index: number): JwtAuthority {
  const { kid } = key;
  if (typeof kid !== "string" || kid === "") throw malformed(`missing key ID in jwt-svid entry ${index}`);
  // What a key may not say here, such as its private half, is left out.
  const { kty, crv, x, y, n, e } = key as Jwk;
  try {
    const publicKey = PublicKey.of(createPublicKey({ key: { kty, crv, x, y, n, e } as Jwk, format: "jwk" }));
    return { keyId: kid, publicKeyPkixDer: publicKey.pkixDer, expiresAt: undefined, tainted: false };
  } catch (error) {
    throw malformed(`malformed key in jwt-svid entry ${index}`, error);
  }
}

function malformed(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, "BUNDLE_MALFORMED", message, { cause });
}
