import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import { parseTrustDomain } from "./parse-trust-domain.ts";
import { parseSpiffeId, SpiffeId } from "./spiffe-id.ts";
import { TrustDomain } from "./trust-domain.ts";

function refusal(parse: () => unknown): unknown {
  try {
    parse();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, Code.InvalidArgument);
    return [error.reason, error.message];
  }
  return undefined;
}

const trustDomainCharacters = "abcdefghijklmnopqrstuvwxyz0123456789.-_";
const pathCharacters = `${trustDomainCharacters}ABCDEFGHIJKLMNOPQRSTUVWXYZ`;
const octets = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).filter((c) => c !== "/");

const scheme = ["SPIFFE_ID_SCHEME", "scheme is missing or invalid"];
const missing = ["TRUST_DOMAIN_MISSING", "trust domain is missing"];
const trustDomainCharacter = [
  "TRUST_DOMAIN_CHARACTER",
  "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores",
];
const pathCharacter = [
  "SPIFFE_ID_CHARACTER",
  "path segment characters are limited to letters, numbers, dots, dashes, and underscores",
];
const dotSegment = ["SPIFFE_ID_DOT_SEGMENT", "path cannot contain dot segments"];
const emptySegment = ["SPIFFE_ID_EMPTY_SEGMENT", "path cannot contain empty segments"];
const trailingSlash = ["SPIFFE_ID_TRAILING_SLASH", "path cannot have a trailing slash"];

describe("parseSpiffeId()", () => {
  it("takes trust domain and path apart", () => {
    const cases: [string, string, string][] = [
      ["spiffe://example.org", "example.org", ""],
      ["spiffe://example.org/db", "example.org", "/db"],
      ["spiffe://example.org/a/b/c", "example.org", "/a/b/c"],
      ["spiffe://1.2.3.4/a", "1.2.3.4", "/a"],
      ["spiffe://a_b-c.9/A_B-C.9", "a_b-c.9", "/A_B-C.9"],
      // Dots are only special alone or in pairs.
      ["spiffe://example.org/...", "example.org", "/..."],
      ["spiffe://example.org/.path", "example.org", "/.path"],
      ["spiffe://example.org/..path", "example.org", "/..path"],
      ["spiffe://example.org/path.", "example.org", "/path."],
      ["spiffe://example.org/path..", "example.org", "/path.."],
    ];
    for (const [text, trustDomain, path] of cases) {
      const id = parseSpiffeId(text);
      assert.deepEqual([id.trustDomain.name, id.path, id.toString()], [trustDomain, path, text]);
    }
  });

  it("refuses what is none, and says why", () => {
    const cases: [string, readonly string[]][] = [
      ["", ["SPIFFE_ID_EMPTY", "cannot be empty"]],
      ["example.org/db", scheme],
      ["/db", scheme],
      ["SPIFFE://example.org/db", scheme],
      ["Spiffe://example.org/db", scheme],
      ["sPiFfE://example.org", scheme],
      ["http://example.org/db", scheme],
      ["spiffe:/example.org", scheme],
      ["spiffe:example.org", scheme],
      [" spiffe://example.org", scheme],
      ["spiffe://", missing],
      ["spiffe:///db", missing],
      ["spiffe://Example.org", trustDomainCharacter],
      ["spiffe://user@example.org", trustDomainCharacter],
      ["spiffe://user:pass@example.org", trustDomainCharacter],
      ["spiffe://example.org:8080", trustDomainCharacter],
      ["spiffe://example.org:", trustDomainCharacter],
      ["spiffe://[::1]/db", trustDomainCharacter],
      ["spiffe://example.org?q", trustDomainCharacter],
      ["spiffe://example.org#f", trustDomainCharacter],
      ["spiffe://ex%61mple.org/db", trustDomainCharacter],
      ["spiffe://exämple.org/db", trustDomainCharacter],
      ["spiffe://example.org ", trustDomainCharacter],
      ["spiffe://example.org/", trailingSlash],
      ["spiffe://example.org/db/", trailingSlash],
      ["spiffe://example.org//", emptySegment],
      ["spiffe://example.org//db", emptySegment],
      ["spiffe://example.org/a//b", emptySegment],
      ["spiffe://example.org/.", dotSegment],
      ["spiffe://example.org/..", dotSegment],
      ["spiffe://example.org/./db", dotSegment],
      ["spiffe://example.org/../db", dotSegment],
      ["spiffe://example.org/a/../b", dotSegment],
      ["spiffe://example.org/a/..", dotSegment],
      ["spiffe://example.org/d%62", pathCharacter],
      ["spiffe://example.org/%2e%2e/db", pathCharacter],
      ["spiffe://example.org/db?q=1", pathCharacter],
      ["spiffe://example.org/db#f", pathCharacter],
      ["spiffe://example.org/d b", pathCharacter],
      ["spiffe://example.org/dätabase", pathCharacter],
      ["spiffe://example.org/db\n", pathCharacter],
      ["spiffe://example.org/\u{1f642}", pathCharacter],
    ];
    for (const [text, reason] of cases)
      assert.deepEqual(
        refusal(() => parseSpiffeId(text)),
        reason,
        text,
      );
  });

  it("tries every octet in the trust domain and in the path", () => {
    for (const octet of octets) {
      assert.deepEqual(
        refusal(() => parseSpiffeId(`spiffe://trust${octet}domain/path`)),
        trustDomainCharacters.includes(octet) ? undefined : trustDomainCharacter,
        JSON.stringify(octet),
      );
      assert.deepEqual(
        refusal(() => parseSpiffeId(`spiffe://trustdomain/pa${octet}th`)),
        pathCharacters.includes(octet) ? undefined : pathCharacter,
        JSON.stringify(octet),
      );
    }
  });

  it("takes 2048 bytes and a trust domain of 255, not one more", () => {
    const start = "spiffe://example.org/";
    const longest = start + "a".repeat(2048 - start.length);
    assert.equal(parseSpiffeId(longest).toString(), longest);
    assert.deepEqual(
      refusal(() => parseSpiffeId(`${longest}a`)),
      ["SPIFFE_ID_LENGTH", "cannot be longer than 2048 bytes"],
    );
    const name = "a".repeat(255);
    assert.equal(parseSpiffeId(`spiffe://${name}/db`).trustDomain.name, name);
    assert.deepEqual(
      refusal(() => parseSpiffeId(`spiffe://${name}a/db`)),
      ["TRUST_DOMAIN_LENGTH", "trust domain cannot be longer than 255 bytes"],
    );
  });

  it("takes any text to an ID that prints as that text, or refuses it", () => {
    const likely = fc.string({ unit: fc.constantFrom(..."spiffe:/.ab%-_@?#A\u00e4 ") });
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          likely,
          likely.map((s) => `spiffe://${s}`),
        ),
        (text) => {
          if (refusal(() => parseSpiffeId(text)) === undefined)
            assert.equal(parseSpiffeId(text).toString(), text);
        },
      ),
    );
  });

  it("makes of a trust domain and segments an ID with both again", () => {
    const name = fc.string({ unit: fc.constantFrom(...trustDomainCharacters), minLength: 1, maxLength: 50 });
    const segment = fc
      .string({ unit: fc.constantFrom(...pathCharacters), minLength: 1, maxLength: 20 })
      .filter((text) => text !== "." && text !== "..");
    fc.assert(
      fc.property(name, fc.array(segment, { maxLength: 10 }), (name, segments) => {
        const path = segments.map((text) => `/${text}`).join("");
        const id = SpiffeId.make(parseTrustDomain(name), path);
        const parsed = parseSpiffeId(`spiffe://${name}${path}`);
        assert.ok(id.equals(parsed));
        assert.deepEqual([parsed.trustDomain.name, parsed.path], [name, path]);
      }),
    );
  });
});

describe("SpiffeId", () => {
  const trustDomain = parseTrustDomain("example.org");

  it("is made of checked parts only", () => {
    assert.equal(SpiffeId.make(trustDomain, "").toString(), "spiffe://example.org");
    const cases: [string, readonly string[]][] = [
      ["db", ["SPIFFE_ID_LEADING_SLASH", "path must have a leading slash"]],
      ["/a/../b", dotSegment],
      ["/", trailingSlash],
      [`/${"a".repeat(2048)}`, ["SPIFFE_ID_LENGTH", "cannot be longer than 2048 bytes"]],
    ];
    for (const [path, reason] of cases)
      assert.deepEqual(
        refusal(() => SpiffeId.make(trustDomain, path)),
        reason,
      );
  });

  it("equals by its text, and knows its trust domain", () => {
    const id = parseSpiffeId("spiffe://example.org/db");
    assert.ok(id.equals(SpiffeId.make(trustDomain, "/db")));
    assert.ok(!id.equals(parseSpiffeId("spiffe://example.org/Db")));
    assert.ok(!id.equals(parseSpiffeId("spiffe://example.com/db")));
    assert.ok(id.memberOf(trustDomain));
    assert.ok(!id.memberOf(parseTrustDomain("example.com")));
    assert.equal(JSON.stringify({ id }), '{"id":"spiffe://example.org/db"}');
  });
});

describe("parseTrustDomain()", () => {
  it("takes a name or any ID in it", () => {
    for (const text of ["example.org", "spiffe://example.org", "spiffe://example.org/db"])
      assert.equal(parseTrustDomain(text).name, "example.org");
    assert.equal(parseTrustDomain("example.org").idText, "spiffe://example.org");
    assert.ok(parseTrustDomain("example.org").equals(TrustDomain.checked("example.org")));
  });

  it("refuses what is none", () => {
    const cases: [string, readonly string[]][] = [
      ["", missing],
      ["spiffe://", missing],
      ["Example.org", trustDomainCharacter],
      ["example.org/db", trustDomainCharacter],
      ["example.org:8080", trustDomainCharacter],
      ["http://example.org", scheme],
      [":/example.org", scheme],
      ["spiffe://example.org//", emptySegment],
    ];
    for (const [text, reason] of cases)
      assert.deepEqual(
        refusal(() => parseTrustDomain(text)),
        reason,
        text,
      );
  });
});
