import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, StatusError } from "@finial/sdk";
import { parseSpiffeId, verifyJwtSvid } from "@finial/sdk/spiffe";
import { FakeClock, testCa } from "@finial/sdk/testing";
import { decodeProtectedHeader, importSPKI, jwtVerify } from "jose";
import type { CredentialComposer, JwtClaims } from "../facade/credentialcomposer.ts";
import type { KeyType } from "../facade/keymanager.ts";
import type { CredentialSettings } from "./credential-settings.ts";
import { fakeAuthorities, fakeSurroundings } from "./fake-authorities.ts";
import { JwtSvidIssuer } from "./jwt-svid-issuer.ts";

const id = parseSpiffeId("spiffe://example.org/db");
/** Not a whole second, as clocks are. */
const now = new Date("2026-01-01T00:00:00.789Z");
const seconds = Date.UTC(2026, 0, 1) / 1000;

async function issuerOf(
  options: {
    readonly jwtKeyType?: KeyType;
    readonly jwtKeyTtlMs?: number;
    readonly settings?: Partial<CredentialSettings>;
    readonly compose?: (claims: JwtClaims) => JwtClaims;
  } = {},
) {
  const clock = new FakeClock(now);
  const ca = await testCa({ clock });
  const { compose, settings = {} } = options;
  const unchanged = async <T>(attributes: T): Promise<T> => attributes;
  const composers: readonly CredentialComposer[] =
    compose === undefined
      ? []
      : [
          {
            name: "test",
            composeServerX509Ca: unchanged,
            composeServerX509Svid: unchanged,
            composeAgentX509Svid: unchanged,
            composeWorkloadX509Svid: unchanged,
            composeWorkloadJwtSvid: async (claims) => compose(claims),
          },
        ];
  const authorities = await fakeAuthorities(ca, clock, options);
  const issuer = new JwtSvidIssuer(authorities, fakeSurroundings(ca, clock, { settings, composers }));
  const { key, kid } = authorities.jwtKey;
  const claimsOf = (token: string) =>
    verifyJwtSvid(token, { audience: ["web"], keyOf: () => key.publicKey, now: clock.now() }).claims;
  const plain = { id, audience: ["web"], ttlMs: 0, includeJti: false };
  return { issuer, clock, key, kid, claimsOf, plain };
}

describe("JwtSvidIssuer", () => {
  const types: readonly [type: KeyType, algorithm: string][] = [
    ["ec-p256", "ES256"],
    ["ec-p384", "ES384"],
    ["rsa-2048", "RS256"],
  ];
  for (const [jwtKeyType, alg] of types) {
    it(`signs with an ${jwtKeyType} key by ${alg}, as jose and we ourselves read it`, async () => {
      const { issuer, clock, key, kid, claimsOf, plain } = await issuerOf({ jwtKeyType });
      const { token, issuedAt, expiresAt } = await issuer.issue(plain);
      assert.deepEqual(decodeProtectedHeader(token), { alg, kid, typ: "JWT" });
      const pem = key.publicKey.keyObject.export({ format: "pem", type: "spki" }).toString();
      const { payload } = await jwtVerify(token, await importSPKI(pem, alg), {
        audience: "web",
        currentDate: clock.now(),
      });
      assert.deepEqual(payload, { aud: ["web"], exp: seconds + 300, iat: seconds, sub: id.toString() });
      assert.deepEqual(claimsOf(token), payload);
      assert.deepEqual([issuedAt, expiresAt], [new Date(seconds * 1000), new Date((seconds + 300) * 1000)]);
    });
  }

  const lifetimes: readonly [title: string, ttlMs: number, jwtKeyTtlMs: number, seconds: number][] = [
    ["as long as is configured when nothing is asked for", 0, 3_600_000, 300],
    ["as long as is configured when less than nothing is asked for", -1000, 3_600_000, 300],
    ["as long as is asked for", 60_000, 3_600_000, 60],
    ["to the key's end at most", 7_200_000, 3_600_000, 3600],
  ];
  for (const [title, ttlMs, jwtKeyTtlMs, lifetime] of lifetimes) {
    it(`issues for ${title}`, async () => {
      const { issuer, claimsOf, plain } = await issuerOf({ jwtKeyTtlMs });
      const { token } = await issuer.issue({ ...plain, ttlMs });
      assert.equal(claimsOf(token).exp, seconds + lifetime);
    });
  }

  it("issues nothing when the key has expired", async () => {
    const { issuer, clock, plain } = await issuerOf({ jwtKeyTtlMs: 3_600_000 });
    await clock.advance(3_600_000);
    await assert.rejects(issuer.issue(plain), {
      code: Code.Internal,
      message: 'invalid JWT-SVID "exp" claim: already expired',
    });
  });

  it("names an issuer if there is one, and each token if that is wanted", async () => {
    const { issuer, claimsOf, plain } = await issuerOf({
      settings: { jwtIssuer: "https://oidc.example.org" },
    });
    const [first, second] = await Promise.all([
      issuer.issue({ ...plain, includeJti: true }),
      issuer.issue({ ...plain, includeJti: true }),
    ]);
    const { iss, jti } = claimsOf(first.token);
    assert.equal(iss, "https://oidc.example.org");
    assert.equal(Buffer.from(String(jti), "base64url").length, 16);
    assert.notEqual(jti, claimsOf(second.token).jti);
  });

  it("leaves out audiences of nothing", async () => {
    const { issuer, claimsOf, plain } = await issuerOf();
    const { token } = await issuer.issue({ ...plain, audience: ["", "web", "", "api"] });
    assert.deepEqual(claimsOf(token).aud, ["web", "api"]);
  });

  it("lets a composer add claims, and say for how long", async () => {
    const { issuer, claimsOf, plain } = await issuerOf({
      compose: (claims) => ({ ...claims, team: "storage", exp: seconds + 7, aud: "web" }),
    });
    const { token, expiresAt } = await issuer.issue(plain);
    assert.deepEqual(claimsOf(token), {
      aud: "web",
      exp: seconds + 7,
      iat: seconds,
      sub: id.toString(),
      team: "storage",
    });
    assert.deepEqual(expiresAt, new Date((seconds + 7) * 1000));
  });

  const invalid: readonly [title: string, compose: (claims: JwtClaims) => JwtClaims, message: string][] = [
    [
      "another subject",
      (claims) => ({ ...claims, sub: "spiffe://example.org/other" }),
      'invalid JWT-SVID "sub" claim: expected "spiffe://example.org/db" but got "spiffe://example.org/other"',
    ],
    [
      "no subject",
      ({ sub: _, ...claims }) => claims,
      'invalid JWT-SVID "sub" claim: expected "spiffe://example.org/db" but got "undefined"',
    ],
    ["no end", ({ exp: _, ...claims }) => claims, 'invalid JWT-SVID "exp" claim: required but missing'],
    [
      "an end that is past",
      (claims) => ({ ...claims, exp: seconds }),
      'invalid JWT-SVID "exp" claim: already expired',
    ],
    [
      "a beginning to come",
      (claims) => ({ ...claims, nbf: seconds + 60 }),
      'invalid JWT-SVID "nbf" claim: not yet valid',
    ],
    ["no audience", ({ aud: _, ...claims }) => claims, 'invalid JWT-SVID "aud" claim: required but missing'],
    [
      "an empty list of audiences",
      (claims) => ({ ...claims, aud: [] }),
      'invalid JWT-SVID "aud" claim: required but missing',
    ],
    [
      "an audience of nothing",
      (claims) => ({ ...claims, aud: ["web", ""] }),
      'invalid JWT-SVID "aud" claim: contains empty value',
    ],
    [
      "an audience of nothing, alone",
      (claims) => ({ ...claims, aud: "" }),
      'invalid JWT-SVID "aud" claim: contains empty value',
    ],
  ];
  for (const [title, compose, message] of invalid) {
    it(`signs nothing that a composer gave ${title}`, async () => {
      const { issuer, plain } = await issuerOf({ compose });
      await assert.rejects(issuer.issue(plain), new StatusError(Code.Internal, "JWT_SVID_INVALID", message));
    });
  }

  it("refuses an ID of another trust domain, and no audience", async () => {
    const { issuer, plain } = await issuerOf();
    await assert.rejects(
      issuer.issue({ ...plain, id: parseSpiffeId("spiffe://elsewhere.org/db") }),
      new StatusError(
        Code.Internal,
        "JWT_SVID_INVALID",
        'invalid JWT-SVID ID: "spiffe://elsewhere.org/db" is not a member of trust domain "example.org"',
      ),
    );
    for (const audience of [[], [""]])
      await assert.rejects(
        issuer.issue({ ...plain, audience }),
        new StatusError(Code.Internal, "JWT_SVID_INVALID", "invalid JWT-SVID audience: cannot be empty"),
      );
  });
});
