import assert from "node:assert/strict";
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { PublicKey } from "../crypto/public-key.ts";
import { StatusError } from "../status/status-error.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { type TestCa, testCa } from "../testing/test-ca.ts";
import { type JwtAlgorithm, type JwtSvid, parseJwtSvid, verifyJwtSvid } from "./jwt-svid.ts";

const clock = new FakeClock();
const nowSeconds = clock.now().getTime() / 1000;
let ca: TestCa;
before(async () => {
  ca = await testCa({ clock });
});

function refusal(check: () => unknown): unknown {
  try {
    check();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, 3);
    return [error.reason, error.message];
  }
  return undefined;
}

function base64Url(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

const claims = { sub: "spiffe://example.org/db", aud: ["web"], exp: nowSeconds + 60 };
const header = { alg: "ES256", kid: "k1", typ: "JWT" };

/** A token with a signature of no worth. */
function unsigned(headerChanges: object = {}, claimChanges: object = {}): string {
  return `${base64Url({ ...header, ...headerChanges })}.${base64Url({ ...claims, ...claimChanges })}.AAAA`;
}

describe("parseJwtSvid()", () => {
  it("takes a token apart", () => {
    const iat = nowSeconds - 10;
    const token = unsigned({}, { iat, nbf: iat, extra: { deep: true } });
    const { spiffeId, ...svid } = parseJwtSvid(token);
    assert.equal(spiffeId.toString(), "spiffe://example.org/db");
    assert.deepEqual(svid, {
      token,
      audience: ["web"],
      expiresAt: new Date("2026-01-01T00:01:00Z"),
      issuedAt: new Date("2025-12-31T23:59:50Z"),
      notBefore: new Date("2025-12-31T23:59:50Z"),
      keyId: "k1",
      algorithm: "ES256",
      claims: { ...claims, iat, nbf: iat, extra: { deep: true } },
    });
  });

  it("takes typ absent, JWT or JOSE, and an audience that is a single string", () => {
    for (const typ of [undefined, "JWT", "JOSE"])
      assert.equal(
        refusal(() => parseJwtSvid(unsigned({ typ }))),
        undefined,
      );
    assert.deepEqual(parseJwtSvid(unsigned({}, { aud: "web" })).audience, ["web"]);
    assert.deepEqual(parseJwtSvid(unsigned({}, { aud: ["web", "api"] })).audience, ["web", "api"]);
  });

  const form: [string, string][] = [
    ["nothing", ""],
    ["two parts", "e30.e30"],
    ["four parts", `${unsigned()}.AAAA`],
    ["no signature", unsigned().replace(/\.AAAA$/, ".")],
    ["no header", unsigned().replace(/^[^.]*/, "")],
    ["padding", `${unsigned()}=`],
    ["the alphabet of plain base64", unsigned().replace("AAAA", "AA+/")],
    ["white space", ` ${unsigned()}`],
    ["a line end", `${unsigned()}\n`],
    ["a part that cannot be base64", `${unsigned()}A`],
    ["the JSON serialization", JSON.stringify({ protected: "e30", payload: "e30", signature: "AAAA" })],
  ];
  for (const [title, token] of form) {
    it(`refuses ${title}`, () => {
      assert.deepEqual(
        refusal(() => parseJwtSvid(token)),
        ["JWT_SVID_FORMAT", "unable to parse JWT token: not in compact form"],
      );
    });
  }

  it("refuses a header or claims that are no JSON object", () => {
    const words = "unable to parse JWT token: the";
    for (const part of ["not json", "[]", "null", '"text"', "1", "{"]) {
      const problem = part === "not json" || part === "{" ? "JSON" : "an object";
      const why = (what: string): string[] => ["JWT_SVID_FORMAT", `${words} ${what} is not ${problem}`];
      assert.deepEqual(
        refusal(() => parseJwtSvid(`${base64Url(part)}.${base64Url(claims)}.AAAA`)),
        why("header"),
      );
      assert.deepEqual(
        refusal(() => parseJwtSvid(`${base64Url(header)}.${base64Url(part)}.AAAA`)),
        why("claims"),
      );
    }
  });

  it("refuses every algorithm but nine", () => {
    const nine = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512"];
    for (const alg of nine) assert.equal(parseJwtSvid(unsigned({ alg })).algorithm, alg);
    const others = [
      "none",
      "None",
      "",
      "HS256",
      "HS512",
      "EdDSA",
      "ES256K",
      "es256",
      "RS1",
      "toString",
      1,
      null,
      undefined,
    ];
    for (const alg of others)
      assert.deepEqual(
        refusal(() => parseJwtSvid(unsigned({ alg }))),
        ["JWT_SVID_ALGORITHM", "token has no algorithm that JWT-SVIDs may use"],
        String(alg),
      );
  });

  const cases: [string, object, object, readonly string[]][] = [
    ["another typ", { typ: "at+jwt" }, {}, ["TYPE", "token header type not equal to either JWT or JOSE"]],
    ["typ in lower case", { typ: "jwt" }, {}, ["TYPE", "token header type not equal to either JWT or JOSE"]],
    ["typ null", { typ: null }, {}, ["TYPE", "token header type not equal to either JWT or JOSE"]],
    ["no kid", { kid: undefined }, {}, ["KEY_ID", "token header missing key id"]],
    ["an empty kid", { kid: "" }, {}, ["KEY_ID", "token header missing key id"]],
    ["a kid that is a number", { kid: 1 }, {}, ["KEY_ID", "token header missing key id"]],
    [
      "crit",
      { crit: ["b64"], b64: false },
      {},
      ["CRITICAL", "token header has extensions that must be understood"],
    ],
    ["no sub", {}, { sub: undefined }, ["SUBJECT", "token missing subject claim"]],
    ["an empty sub", {}, { sub: "" }, ["SUBJECT", "token missing subject claim"]],
    [
      "a sub that is no SPIFFE ID",
      {},
      { sub: "db" },
      ["SUBJECT", "token has an invalid subject claim: scheme is missing or invalid"],
    ],
    ["no aud", {}, { aud: undefined }, ["AUDIENCE", "token missing audience claim"]],
    ["an empty aud", {}, { aud: [] }, ["AUDIENCE", "token missing audience claim"]],
    ["an aud of other things", {}, { aud: ["web", 1] }, ["AUDIENCE", "token missing audience claim"]],
    ["no exp", {}, { exp: undefined }, ["EXPIRY", "token missing exp claim"]],
    ["exp null", {}, { exp: null }, ["EXPIRY", "token missing exp claim"]],
    ["an exp that is text", {}, { exp: "1" }, ["TIME", "token exp claim is not a time"]],
    ["an exp beyond all time", {}, { exp: 1e300 }, ["TIME", "token exp claim is not a time"]],
    ["an nbf beyond all time", {}, { nbf: -1e300 }, ["TIME", "token nbf claim is not a time"]],
    ["an iat that is text", {}, { iat: "now" }, ["TIME", "token iat claim is not a time"]],
  ];
  for (const [title, headerChanges, claimChanges, [reason, message]] of cases) {
    it(`refuses ${title}`, () => {
      assert.deepEqual(
        refusal(() => parseJwtSvid(unsigned(headerChanges, claimChanges))),
        [`JWT_SVID_${reason}`, message],
      );
    });
  }

  it("refuses a token of more than 64 KiB, and one of very many dots, at once", () => {
    assert.deepEqual(
      refusal(() => parseJwtSvid(unsigned({}, { fat: "x".repeat(65_536) }))),
      ["JWT_SVID_LENGTH", "token is too long"],
    );
    assert.deepEqual(
      refusal(() => parseJwtSvid(".".repeat(65_536))),
      ["JWT_SVID_FORMAT", "unable to parse JWT token: not in compact form"],
    );
  });

  it("takes or refuses any text, and never says the token", () => {
    const part = fc.oneof(
      fc.json().map(base64Url),
      fc.constantFrom(base64Url(header), base64Url(claims)),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const token = parts.join(".");
        const refused = refusal(() => parseJwtSvid(token)) as string[] | undefined;
        if (token.length > 20) assert.ok(!refused?.[1]?.includes(token));
      }),
    );
  });
});

describe("verifyJwtSvid()", () => {
  const verify = (token: string, changes: Partial<Parameters<typeof verifyJwtSvid>[1]> = {}): JwtSvid =>
    verifyJwtSvid(token, {
      audience: ["web"],
      keyOf: ({ keyId, spiffeId }) =>
        keyId === ca.jwtKeyId && spiffeId.trustDomain.equals(ca.trustDomain) ? ca.jwtPublicKey : undefined,
      now: clock.now(),
      ...changes,
    });
  const later = (seconds: number): Date => new Date((nowSeconds + seconds) * 1000);

  it("takes what the authority has signed, for one of the audiences", () => {
    const token = ca.jwtSvid("/db", { audience: ["api", "web"] });
    assert.equal(verify(token).spiffeId.path, "/db");
    assert.equal(verify(token, { audience: ["other", "api"] }).token, token);
  });

  it("refuses another audience, and none", () => {
    const token = ca.jwtSvid("/db", { audience: ["web"] });
    assert.deepEqual(
      refusal(() => verify(token, { audience: ["api"] })),
      ["JWT_SVID_AUDIENCE", 'expected audience in ["api"] (audience=["web"])'],
    );
    assert.deepEqual(
      refusal(() => verify(token, { audience: [] })),
      ["JWT_SVID_AUDIENCE", 'expected audience in [] (audience=["web"])'],
    );
  });

  it("refuses a key id or trust domain without authority", () => {
    assert.deepEqual(
      refusal(() => verify(ca.jwtSvid("/db", { audience: ["web"], header: { kid: "other" } }))),
      ["JWT_SVID_AUTHORITY", 'no JWT authority "other" found for trust domain "example.org"'],
    );
    const sub = "spiffe://example.com/db";
    assert.deepEqual(
      refusal(() => verify(ca.jwtSvid("/db", { audience: ["web"], claims: { sub } }))),
      ["JWT_SVID_AUTHORITY", 'no JWT authority "test-jwt-key" found for trust domain "example.com"'],
    );
  });

  it("keeps to the times, a minute's difference of clocks allowed", () => {
    const token = ca.jwtSvid("/db", { audience: ["web"], ttlSeconds: 600, claims: { nbf: nowSeconds } });
    const cases: [number, readonly string[] | undefined][] = [
      [-61, ["JWT_SVID_NOT_YET_VALID", "token is not yet valid"]],
      [-60, undefined],
      [0, undefined],
      [660, undefined],
      [661, ["JWT_SVID_EXPIRED", "token has expired"]],
    ];
    for (const [seconds, reason] of cases)
      assert.deepEqual(
        refusal(() => verify(token, { now: later(seconds) })),
        reason,
        String(seconds),
      );
    assert.deepEqual(
      refusal(() => verify(ca.jwtSvid("/db", { audience: ["web"] }), { now: later(-61) })),
      ["JWT_SVID_ISSUED_IN_FUTURE", "token was issued in the future"],
    );
  });

  it("refuses a token of which anything was changed", () => {
    const token = ca.jwtSvid("/db", { audience: ["web"] });
    const [head = "", body = "", signature = ""] = token.split(".");
    const other = ca.jwtSvid("/other", { audience: ["web"] }).split(".")[1];
    const shorter = Buffer.from(signature, "base64url").subarray(0, 63).toString("base64url");
    const zeros = Buffer.alloc(64).toString("base64url");
    for (const changed of [
      `${head}.${other}.${signature}`,
      `${base64Url({ alg: "ES256", kid: ca.jwtKeyId })}.${body}.${signature}`,
      `${head}.${body}.${shorter}`,
      `${head}.${body}.${signature}AA`,
      `${head}.${body}.${zeros}`,
    ])
      assert.deepEqual(
        refusal(() => verify(changed)),
        ["JWT_SVID_SIGNATURE", "token signature is not valid"],
      );
  });

  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const tinyRsa = generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey;
  const curve = (namedCurve: string): KeyObject => generateKeyPairSync("ec", { namedCurve }).privateKey;
  const keys = { p256: curve("P-256"), p384: curve("P-384"), p521: curve("P-521"), rsa, tinyRsa };
  const hash = (alg: string): string => `SHA${alg.slice(2)}`;

  function signed(alg: JwtAlgorithm, key: KeyObject, changes: object = {}): string {
    const message = `${base64Url({ ...header, alg, ...changes })}.${base64Url(claims)}`;
    const { RSA_PKCS1_PSS_PADDING, RSA_PSS_SALTLEN_DIGEST } = constants;
    const options = alg.startsWith("PS")
      ? { padding: RSA_PKCS1_PSS_PADDING, saltLength: RSA_PSS_SALTLEN_DIGEST }
      : { dsaEncoding: "ieee-p1363" as const };
    return `${message}.${sign(hash(alg), Buffer.from(message), { key, ...options }).toString("base64url")}`;
  }

  it("verifies all nine algorithms, each with its own kind of key only", () => {
    const algorithms: [JwtAlgorithm, KeyObject][] = [
      ["RS256", keys.rsa],
      ["RS384", keys.rsa],
      ["RS512", keys.rsa],
      ["PS256", keys.rsa],
      ["PS384", keys.rsa],
      ["PS512", keys.rsa],
      ["ES256", keys.p256],
      ["ES384", keys.p384],
      ["ES512", keys.p521],
    ];
    for (const [alg, key] of algorithms) {
      const token = signed(alg, key);
      assert.equal(verify(token, { keyOf: () => PublicKey.of(key) }).algorithm, alg);
      for (const other of Object.values(keys))
        if (other !== key)
          assert.deepEqual(
            refusal(() => verify(token, { keyOf: () => PublicKey.of(other) })),
            ["JWT_SVID_SIGNATURE", "token signature is not valid"],
          );
    }
  });

  it("refuses an RSA key that can be broken, though it has signed", () => {
    for (const [bits, expected] of [
      [1023, ["JWT_SVID_SIGNATURE", "token signature is not valid"]],
      [1024, undefined],
    ] as const) {
      const { privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
      const token = signed("RS256", privateKey);
      assert.deepEqual(
        refusal(() => verify(token, { keyOf: () => PublicKey.of(privateKey) })),
        expected,
      );
    }
  });

  it("refuses a curve that is not the algorithm's, and RSA in the other padding", () => {
    const cases: [JwtAlgorithm, JwtAlgorithm, KeyObject][] = [
      ["ES256", "ES384", keys.p256],
      ["RS256", "PS256", keys.rsa],
      ["PS256", "RS256", keys.rsa],
    ];
    for (const [signedAs, said, key] of cases) {
      const token = signed(signedAs, key, { alg: said });
      assert.deepEqual(
        refusal(() => verify(token, { keyOf: () => PublicKey.of(key) })),
        ["JWT_SVID_SIGNATURE", "token signature is not valid"],
      );
    }
  });

  it("cannot be talked into an HMAC with the public key", () => {
    const message = `${base64Url({ ...header, alg: "HS256", kid: ca.jwtKeyId })}.${base64Url(claims)}`;
    const mac = createHmac("sha256", ca.jwtPublicKey.pkixDer).update(message).digest("base64url");
    assert.deepEqual(
      refusal(() => verify(`${message}.${mac}`)),
      ["JWT_SVID_ALGORITHM", "token has no algorithm that JWT-SVIDs may use"],
    );
  });
});
