import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertFields } from "./assert-fields.ts";
import { runCommand } from "./child.ts";

/** A JWK as bundles have it. */
export interface BundleKey {
  readonly use: "x509-svid" | "jwt-svid";
  readonly kty: string;
  readonly crv?: string;
  readonly kid?: string;
  readonly x5c?: readonly string[];
}

/** A trust domain's bundle in the SPIFFE format. */
export interface BundleDocument {
  readonly keys: readonly BundleKey[];
  readonly spiffe_sequence?: number;
}

export interface ExpectedJwt {
  /** For messages. */
  readonly title: string;
  readonly token: string;
  readonly spiffeId: string;
  readonly audience: readonly string[];
  /** A number, or the moment the signing key ends at in seconds since 1970. */
  readonly ttlSeconds: number | { readonly keyEndsAt: number };
  readonly algorithm: string;
  /** Absent: the claim is, too. */
  readonly issuer?: string | undefined;
  readonly hasJti?: boolean;
}

/**
 * Compares header and claims, all of them, with the profile; verifies the signature with OpenSSL (through Node) and has
 * go-spiffe validate the token against the bundle and read it.
 *
 * @param jwtcheck the Go program.
 * @param folder for the file it wants.
 * @throws an error that names the token and the fields.
 */
export async function checkJwtProfile(
  expected: ExpectedJwt,
  bundle: BundleDocument,
  { jwtcheck, folder, trustDomain }: { jwtcheck: string; folder: string; trustDomain: string },
): Promise<void> {
  const { title, token, spiffeId, audience, algorithm } = expected;
  const [header = "", payload = "", signature = ""] = token.split(".");
  const jwk = bundle.keys.find(({ use, kid }) => use === "jwt-svid" && kid === parse(header).kid);
  assert.ok(jwk, `${title}: the bundle has its key`);
  assert.match(jwk.kid ?? "", /^[a-zA-Z0-9]{32}$/, title);
  assertFields(`${title}: header`, parse(header), { alg: algorithm, kid: jwk.kid, typ: "JWT" });

  const claims = parse(payload);
  const { iat, jti } = claims;
  assert.ok(typeof iat === "number" && Math.abs(iat - Date.now() / 1000) < 60, `${title}: iat ${iat}`);
  const { ttlSeconds } = expected;
  assertFields(`${title}: claims`, claims, {
    sub: spiffeId,
    aud: audience,
    iat,
    exp: typeof ttlSeconds === "number" ? iat + ttlSeconds : ttlSeconds.keyEndsAt,
    ...(expected.issuer !== undefined && { iss: expected.issuer }),
    ...(expected.hasJti && { jti }),
  });
  if (expected.hasJti) assertUuid(jti, title);

  const key = {
    key: createPublicKey({ key: { ...jwk }, format: "jwk" }),
    dsaEncoding: "ieee-p1363",
  } as const;
  const signed = Buffer.from(`${header}.${payload}`);
  assert.ok(
    verify(`sha${algorithm.slice(2)}`, signed, key, Buffer.from(signature, "base64url")),
    `${title}: signature`,
  );

  const bundlePath = join(folder, "bundle.json");
  writeFileSync(bundlePath, JSON.stringify(bundle));
  const flags = ["-bundle", bundlePath, "-trustDomain", trustDomain, "-audience", audience[0] ?? ""];
  const { status, stdout, stderr } = await runCommand([jwtcheck, ...flags], { input: token });
  assert.equal(status, 0, `${title}: go-spiffe: ${stderr}`);
  assertFields(`${title} as go-spiffe reads it`, JSON.parse(stdout), {
    header: parse(header),
    claims,
    id: spiffeId,
    audience,
    expiry: claims.exp,
    hint: "",
  });
}

function parse(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, "base64url").toString());
}

/** A random UUID's 16 bytes in base64url. */
function assertUuid(jti: unknown, title: string): void {
  const bytes = Buffer.from(String(jti), "base64url");
  assert.equal(bytes.length, 16, `${title}: jti`);
  assert.equal((bytes[6] ?? 0) >> 4, 4, `${title}: jti is a random UUID`);
  assert.equal((bytes[8] ?? 0) >> 6, 2, `${title}: jti is a UUID`);
}
