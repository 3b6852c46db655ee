import { randomUUID } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { ecdsaDerToRaw } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type { JwtClaims } from "../facade/credentialcomposer.ts";
import type { KeyType, SignatureHash } from "../facade/keymanager.ts";
import type { ActiveAuthorities, JwtKey } from "./authorities.ts";
import { validity } from "./lifetime.ts";
import type { CaSurroundings } from "./x509-ca-certificate.ts";

export interface IssuedJwt {
  readonly token: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
}

interface Algorithm {
  readonly name: string;
  readonly hash: SignatureHash;
  /** Octets of each half of an ECDSA signature. */
  readonly half?: number;
}

/** @see RFC 7518, section 3.1 */
const algorithms: Readonly<Record<KeyType, Algorithm>> = {
  "ec-p256": { name: "ES256", hash: "SHA256", half: 32 },
  "ec-p384": { name: "ES384", hash: "SHA384", half: 48 },
  "rsa-2048": { name: "RS256", hash: "SHA256" },
  "rsa-4096": { name: "RS256", hash: "SHA256" },
};

/** Issues JWT-SVIDs by the profile of SPIRE. @see JWT-SVID, sections 2 and 3 */
export class JwtSvidIssuer {
  readonly #authorities: ActiveAuthorities;
  readonly #surroundings: CaSurroundings;

  constructor(authorities: ActiveAuthorities, surroundings: CaSurroundings) {
    this.#authorities = authorities;
    this.#surroundings = surroundings;
  }

  /**
   * @param ttlMs 0 for the default; never beyond the key's end.
   * @throws {StatusError} Internal for an ID of another trust domain, when no audience is left, or when a composer broke what the standard asks for.
   */
  async issue(options: {
    readonly id: SpiffeId;
    readonly audience: readonly string[];
    readonly ttlMs: number;
    readonly includeJti: boolean;
  }): Promise<IssuedJwt> {
    const { settings, composers, now } = this.#surroundings;
    const { id } = options;
    if (!id.memberOf(settings.trustDomain))
      throw invalid(`ID: "${id}" is not a member of trust domain "${settings.trustDomain}"`);
    const audience = options.audience.filter((name) => name !== "");
    if (audience.length === 0) throw invalid("audience: cannot be empty");
    const key = this.#authorities.getJwtKey();
    const issuedAt = now();
    const ttlMs = options.ttlMs > 0 ? options.ttlMs : settings.jwtSvidTtlMs;
    const { notAfter } = validity(issuedAt, ttlMs, key.notAfter);
    const plain: JwtClaims = {
      aud: audience,
      exp: seconds(notAfter),
      iat: seconds(issuedAt),
      ...(settings.jwtIssuer !== undefined && { iss: settings.jwtIssuer }),
      ...(options.includeJti && { jti: newJti() }),
      sub: id.toString(),
    };
    const claims = composers.none ? plain : await composers.workloadJwtSvid(plain, id);
    const times = checkClaims(claims, id, issuedAt);
    return { token: await sign(key, claims), ...times };
  }
}

/** Base64url of a random UUID's octets. */
function newJti(): string {
  return Buffer.from(randomUUID().replaceAll("-", ""), "hex").toString("base64url");
}

function checkClaims(
  { sub, exp, nbf, iat, aud }: JwtClaims,
  id: SpiffeId,
  now: Date,
): { readonly issuedAt: Date; readonly expiresAt: Date } {
  if (sub !== id.toString()) throw invalid(`"sub" claim: expected "${id}" but got "${String(sub)}"`);
  if (typeof exp !== "number") throw invalid('"exp" claim: required but missing');
  if (exp * 1000 <= now.getTime()) throw invalid('"exp" claim: already expired');
  if (typeof nbf === "number" && nbf * 1000 > now.getTime()) throw invalid('"nbf" claim: not yet valid');
  const audience = Array.isArray(aud) ? aud : [aud];
  if (aud === undefined || audience.length === 0) throw invalid('"aud" claim: required but missing');
  if (audience.includes("")) throw invalid('"aud" claim: contains empty value');
  const issuedAt = typeof iat === "number" ? new Date(iat * 1000) : now;
  return { issuedAt, expiresAt: new Date(exp * 1000) };
}

/** @see RFC 7515, section 7.1 */
async function sign(jwtKey: JwtKey, claims: JwtClaims): Promise<string> {
  const { key } = jwtKey;
  const { hash, half } = algorithms[key.type];
  const content = `${headerOf(jwtKey)}.${encode(claims)}`;
  const signature = await key.sign(Buffer.from(content), hash);
  const raw = half === undefined ? signature : ecdsaDerToRaw(signature, half);
  return `${content}.${raw.toString("base64url")}`;
}

/** The same for all that one key signs. */
const headers = new WeakMap<JwtKey, string>();

function headerOf(jwtKey: JwtKey): string {
  let header = headers.get(jwtKey);
  if (header === undefined) {
    header = encode({ alg: algorithms[jwtKey.key.type].name, kid: jwtKey.kid, typ: "JWT" });
    headers.set(jwtKey, header);
  }
  return header;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function seconds(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}

function invalid(what: string): StatusError {
  return new StatusError(Code.Internal, "JWT_SVID_INVALID", `invalid JWT-SVID ${what}`);
}
