import { constants, type KeyObject, verify } from "node:crypto";
import { ecdsaRawToDer } from "../crypto/ecdsa.ts";
import type { PublicKey } from "../crypto/public-key.ts";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { parseSpiffeId, type SpiffeId } from "./spiffe-id.ts";

/** A JWT-SVID, taken apart; believed only after verifyJwtSvid. */
export interface JwtSvid {
  readonly token: string;
  readonly spiffeId: SpiffeId;
  readonly audience: readonly string[];
  readonly expiresAt: Date;
  readonly issuedAt: Date | undefined;
  readonly notBefore: Date | undefined;
  readonly keyId: string;
  readonly algorithm: JwtAlgorithm;
  readonly claims: Readonly<Record<string, unknown>>;
}

const algorithms = {
  RS256: ["rsa", "SHA256", 0],
  RS384: ["rsa", "SHA384", 0],
  RS512: ["rsa", "SHA512", 0],
  PS256: ["pss", "SHA256", 0],
  PS384: ["pss", "SHA384", 0],
  PS512: ["pss", "SHA512", 0],
  ES256: ["ec", "SHA256", 32],
  ES384: ["ec", "SHA384", 48],
  ES512: ["ec", "SHA512", 66],
} as const;

export type JwtAlgorithm = keyof typeof algorithms;

/** Longer tokens are nobody's identity. */
const maxTokenBytes = 65_536;
/** How far clocks may differ. */
const leewayMs = 60_000;

/**
 * Takes a token apart and checks its form; no signature, no time.
 *
 * @throws {StatusError} InvalidArgument `JWT_SVID_…`. The token is never part of the message.
 * @see JWT-SVID, sections 2 and 3
 */
export function parseJwtSvid(token: string): JwtSvid {
  if (token.length > maxTokenBytes) throw refused("LENGTH", "token is too long");
  const parts = token.split(".", 4);
  const [header = "", payload = "", signature = ""] = parts;
  if (parts.length !== 3 || signature === "" || ![header, payload, signature].every(isBase64Url))
    throw refused("FORMAT", "unable to parse JWT token: not in compact form");
  const { alg, kid, typ, crit } = parseObject(header, "header");
  if (typeof alg !== "string" || !Object.hasOwn(algorithms, alg))
    throw refused("ALGORITHM", "token has no algorithm that JWT-SVIDs may use");
  if (typ !== undefined && typ !== "JWT" && typ !== "JOSE")
    throw refused("TYPE", "token header type not equal to either JWT or JOSE");
  if (crit !== undefined) throw refused("CRITICAL", "token header has extensions that must be understood");
  if (typeof kid !== "string" || kid === "") throw refused("KEY_ID", "token header missing key id");
  const claims = parseObject(payload, "claims");
  return { token, keyId: kid, algorithm: alg as JwtAlgorithm, claims, ...readClaims(claims) };
}

function readClaims(claims: Readonly<Record<string, unknown>>) {
  const { sub, aud, exp, iat, nbf } = claims;
  if (typeof sub !== "string" || sub === "") throw refused("SUBJECT", "token missing subject claim");
  const audience = typeof aud === "string" ? [aud] : Array.isArray(aud) ? aud : [];
  if (audience.length === 0 || !audience.every((value): value is string => typeof value === "string"))
    throw refused("AUDIENCE", "token missing audience claim");
  const expiresAt = toInstant("exp", exp);
  if (expiresAt === undefined) throw refused("EXPIRY", "token missing exp claim");
  let spiffeId: SpiffeId;
  try {
    spiffeId = parseSpiffeId(sub);
  } catch (error) {
    throw refused("SUBJECT", `token has an invalid subject claim: ${StatusError.from(error).message}`);
  }
  return { spiffeId, audience, expiresAt, issuedAt: toInstant("iat", iat), notBefore: toInstant("nbf", nbf) };
}

/** A date out of all range would compare as neither before nor after now. */
function toInstant(claim: string, seconds: unknown): Date | undefined {
  if (seconds === undefined || seconds === null) return undefined;
  const instant = new Date(typeof seconds === "number" ? seconds * 1000 : Number.NaN);
  if (Number.isNaN(instant.getTime())) throw refused("TIME", `token ${claim} claim is not a time`);
  return instant;
}

/**
 * Verifies a token.
 *
 * @param audience one of these must be in the token.
 * @param keyOf the key with this id in the token's trust domain; undefined when there is none.
 * @throws {StatusError} InvalidArgument `JWT_SVID_…`.
 */
export function verifyJwtSvid(
  token: string,
  options: {
    readonly audience: readonly string[];
    readonly keyOf: (svid: JwtSvid) => PublicKey | undefined;
    readonly now: Date;
  },
): JwtSvid {
  const svid = parseJwtSvid(token);
  const key = options.keyOf(svid);
  if (key === undefined)
    throw refused(
      "AUTHORITY",
      `no JWT authority "${svid.keyId}" found for trust domain "${svid.spiffeId.trustDomain.name}"`,
    );
  if (!isSignatureValid(svid, key.keyObject)) throw refused("SIGNATURE", "token signature is not valid");
  if (!options.audience.some((wanted) => svid.audience.includes(wanted)))
    throw refused(
      "AUDIENCE",
      `expected audience in ${JSON.stringify(options.audience)} (audience=${JSON.stringify(svid.audience)})`,
    );
  checkTimes(svid, options.now);
  return svid;
}

function checkTimes(svid: JwtSvid, now: Date): void {
  const nowMs = now.getTime();
  if (nowMs - leewayMs > svid.expiresAt.getTime()) throw refused("EXPIRED", "token has expired");
  if (svid.notBefore !== undefined && nowMs + leewayMs < svid.notBefore.getTime())
    throw refused("NOT_YET_VALID", "token is not yet valid");
  if (svid.issuedAt !== undefined && nowMs + leewayMs < svid.issuedAt.getTime())
    throw refused("ISSUED_IN_FUTURE", "token was issued in the future");
}

function isSignatureValid(svid: JwtSvid, key: KeyObject): boolean {
  const [family, hash, size] = algorithms[svid.algorithm];
  const lastDot = svid.token.lastIndexOf(".");
  const message = Buffer.from(svid.token.slice(0, lastDot), "ascii");
  const signature = Buffer.from(svid.token.slice(lastDot + 1), "base64url");
  if (family === "ec") {
    const bits = { prime256v1: 32, secp384r1: 48, secp521r1: 66 }[key.asymmetricKeyDetails?.namedCurve ?? ""];
    if (key.asymmetricKeyType !== "ec" || bits !== size || signature.length !== 2 * size) return false;
    return verify(hash, message, key, ecdsaRawToDer(signature));
  }
  // As in Go: shorter RSA keys can be broken.
  if (key.asymmetricKeyType !== "rsa" || (key.asymmetricKeyDetails?.modulusLength ?? 0) < 1024) return false;
  const { RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
  const scheme =
    family === "pss"
      ? { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST }
      : { padding: RSA_PKCS1_PADDING };
  try {
    return verify(hash, message, { key, ...scheme }, signature);
  } catch {
    // OpenSSL refuses to try with a key too short for the hash: that is no signature either.
    return false;
  }
}

function parseObject(part: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    throw refused("FORMAT", `unable to parse JWT token: the ${what} is not JSON`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refused("FORMAT", `unable to parse JWT token: the ${what} is not an object`);
  return value as Record<string, unknown>;
}

function isBase64Url(text: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(text) && text.length % 4 !== 1;
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, `JWT_SVID_${reason}`, message);
}
