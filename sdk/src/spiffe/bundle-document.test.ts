import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { before, describe, it } from "node:test";
import fc from "fast-check";
import { PublicKey } from "../crypto/public-key.ts";
import { StatusError } from "../status/status-error.ts";
import { type TestCa, testCa } from "../testing/test-ca.ts";
import type { Bundle } from "./bundle.ts";
import { formatBundleDocument, formatJwks, parseBundleDocument, parseJwks } from "./bundle-document.ts";
import { parseTrustDomain } from "./parse-trust-domain.ts";

const trustDomain = parseTrustDomain("example.org");
let ca: TestCa;
before(async () => {
  ca = await testCa();
});

function refusal(parse: () => unknown): unknown {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.deepEqual([error.code, error.reason], [3, "BUNDLE_MALFORMED"]);
    return error.message;
  }
  return undefined;
}

interface Document {
  readonly keys: Record<string, unknown>[];
}

describe("formatBundleDocument()", () => {
  it("writes what parseBundleDocument() reads", async () => {
    const rsa = await testCa({ keyType: "rsa-2048" });
    const jwtKeys = [
      generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey,
      generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey,
    ];
    const bundle: Bundle = {
      trustDomain,
      x509Authorities: [ca, rsa].map(({ rootDer }) => ({ certificateDer: rootDer, tainted: false })),
      jwtAuthorities: jwtKeys.map((key, index) => ({
        keyId: `key-${index}`,
        publicKeyPkixDer: PublicKey.of(key).pkixDer,
        expiresAt: undefined,
        tainted: false,
      })),
      refreshHintSeconds: 300,
      sequenceNumber: 7,
    };
    assert.deepEqual(parseBundleDocument(trustDomain, formatBundleDocument(bundle)), bundle);
    assert.deepEqual(parseJwks(formatJwks(bundle.jwtAuthorities)), bundle.jwtAuthorities);
  });

  it("is a JWK Set as the standard has it", () => {
    const document: Document = JSON.parse(formatBundleDocument(ca.bundle));
    const [x509 = {}, jwt = {}] = document.keys;
    assert.deepEqual(Object.keys(x509).sort(), ["crv", "kty", "use", "x", "x5c", "y"]);
    assert.deepEqual(x509.x5c, [ca.rootDer.toString("base64")]);
    assert.deepEqual([x509.use, jwt.use, jwt.kid], ["x509-svid", "jwt-svid", ca.jwtKeyId]);
    assert.deepEqual(Object.keys(document), ["keys", "spiffe_sequence"]);
    assert.equal(formatBundleDocument(ca.bundle).split("\n")[1], '    "keys": [');
  });

  it("writes an empty bundle as an empty list of keys", () => {
    const empty: Bundle = {
      trustDomain,
      x509Authorities: [],
      jwtAuthorities: [],
      refreshHintSeconds: 0,
      sequenceNumber: 0,
    };
    assert.equal(formatBundleDocument(empty), '{\n    "keys": []\n}');
    assert.deepEqual(parseBundleDocument(trustDomain, formatBundleDocument(empty)), empty);
    assert.equal(formatJwks([]), '{"keys":[]}');
  });
});

describe("parseBundleDocument()", () => {
  const parse = (document: unknown): Bundle => parseBundleDocument(trustDomain, JSON.stringify(document));
  const x509 = (changes: object = {}): object => ({
    use: "x509-svid",
    kty: "EC",
    x5c: [ca.rootDer.toString("base64")],
    ...changes,
  });
  const jwt = (changes: object = {}): object => ({
    use: "jwt-svid",
    kid: "k1",
    ...ca.jwtPublicKey.keyObject.export({ format: "jwk" }),
    ...changes,
  });

  it("passes over keys of other uses, and members it does not know", () => {
    const document = {
      keys: [
        x509(),
        jwt(),
        jwt({ use: "wit-svid" }),
        jwt({ use: "sig", kid: "" }),
        jwt({ use: undefined }),
        {},
      ],
      other: true,
    };
    const { x509Authorities, jwtAuthorities } = parse(document);
    assert.equal(x509Authorities.length, 1);
    assert.deepEqual(
      jwtAuthorities.map(({ keyId }) => keyId),
      ["k1"],
    );
  });

  it("takes the same certificate twice as one authority", () => {
    assert.equal(parse({ keys: [x509(), x509()] }).x509Authorities.length, 1);
  });

  it("keeps the public half of a private key only", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { jwtAuthorities } = parse({ keys: [jwt(privateKey.export({ format: "jwk" }))] });
    assert.deepEqual(jwtAuthorities[0]?.publicKeyPkixDer, PublicKey.of(publicKey).pkixDer);
  });

  it("refuses what is malformed, and says where", () => {
    const cases: [unknown, string][] = [
      [null, "unable to parse JWKS: it is not an object"],
      [[], "unable to parse JWKS: it is not an object"],
      ["text", "unable to parse JWKS: it is not an object"],
      [{}, "no authorities found"],
      [{ keys: null }, "no authorities found"],
      [{ keys: {} }, "unable to parse JWKS: keys is not a list of objects"],
      [{ keys: [null] }, "unable to parse JWKS: keys is not a list of objects"],
      [{ keys: ["key"] }, "unable to parse JWKS: keys is not a list of objects"],
      [{ keys: [x509({ x5c: [] })] }, "expected a single certificate in x509-svid entry 0; got 0"],
      [{ keys: [x509({ x5c: undefined })] }, "expected a single certificate in x509-svid entry 0; got 0"],
      [{ keys: [x509({ x5c: "MII" })] }, "expected a single certificate in x509-svid entry 0; got 0"],
      [
        { keys: [jwt(), x509({ x5c: ["MII", "MII"] })] },
        "expected a single certificate in x509-svid entry 1; got 2",
      ],
      [{ keys: [x509({ x5c: [5] })] }, "expected a single certificate in x509-svid entry 0; got 1"],
      [{ keys: [x509({ x5c: ["MII"] })] }, "malformed certificate in x509-svid entry 0"],
      [{ keys: [jwt({ kid: undefined })] }, "missing key ID in jwt-svid entry 0"],
      [{ keys: [jwt({ kid: "" })] }, "missing key ID in jwt-svid entry 0"],
      [{ keys: [jwt({ kty: "oct", k: "AAAA" })] }, "malformed key in jwt-svid entry 0"],
      [{ keys: [jwt({ x: "AAAA" })] }, "malformed key in jwt-svid entry 0"],
      [{ keys: [jwt({ x: 5 })] }, "malformed key in jwt-svid entry 0"],
      [{ keys: [], spiffe_sequence: -1 }, "unable to parse JWKS: spiffe_sequence is not a whole number"],
      [{ keys: [], spiffe_sequence: "1" }, "unable to parse JWKS: spiffe_sequence is not a whole number"],
      [
        { keys: [], spiffe_refresh_hint: 1.5 },
        "unable to parse JWKS: spiffe_refresh_hint is not a whole number",
      ],
    ];
    for (const [document, message] of cases)
      assert.equal(
        refusal(() => parse(document)),
        message,
        JSON.stringify(document),
      );
    assert.equal(
      refusal(() => parseBundleDocument(trustDomain, "{")),
      "unable to parse JWKS: it is not JSON",
    );
  });

  it("takes or refuses any JSON", () => {
    const key = fc.record(
      {
        use: fc.constantFrom("x509-svid", "jwt-svid"),
        kty: fc.jsonValue(),
        kid: fc.jsonValue(),
        x5c: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    const document = fc.oneof(fc.jsonValue(), fc.record({ keys: fc.array(fc.oneof(key, fc.jsonValue())) }));
    fc.assert(
      fc.property(document, (document) => {
        refusal(() => parse(document));
        refusal(() => parseJwks(JSON.stringify(document)));
      }),
    );
    fc.assert(fc.property(fc.string(), (text) => void refusal(() => parseBundleDocument(trustDomain, text))));
  });

  it("refuses what is nested deeper than any bundle", () => {
    for (const deep of ["[".repeat(1_000_000), `{"keys":${"[".repeat(500_000)}${"]".repeat(500_000)}}`])
      assert.notEqual(
        refusal(() => parseBundleDocument(trustDomain, deep)),
        undefined,
      );
  });
});
