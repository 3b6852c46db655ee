import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type LockedPackage, PluginLock } from "./plugin-lock.ts";

const integrity = `sha512-${"A".repeat(86)}==`;
const provenance = {
  signer: "https://example.org/vendor/name/build.yml@refs/tags/v1",
  issuer: "https://issuer.example.org",
  source: "https://example.org/vendor/name",
};
const one: LockedPackage = {
  name: "@vendor/name",
  version: "1.2.3",
  integrity,
  treeSha256: "ab".repeat(32),
  provenance: undefined,
};
const other: LockedPackage = { ...one, name: "alone", version: "0.1.0-rc.1", provenance };
const both = PluginLock.empty.with(other).with(one);

function refuses(text: string, sentence: string): void {
  assert.throws(() => PluginLock.parse(text), {
    code: 3,
    reason: "PLUGIN_LOCK",
    message: `${sentence} ("finial plugin lock" writes it)`,
  });
}

describe("PluginLock", () => {
  it("prints what people read and compare, in one order", () => {
    assert.equal(
      both.print(),
      `{
  "lockVersion": 1,
  "packages": {
    "@vendor/name@1.2.3": {
      "integrity": "${integrity}",
      "treeSha256": "${"ab".repeat(32)}",
      "provenance": null
    },
    "alone@0.1.0-rc.1": {
      "integrity": "${integrity}",
      "treeSha256": "${"ab".repeat(32)}",
      "provenance": {
        "signer": "${provenance.signer}",
        "issuer": "${provenance.issuer}",
        "source": "${provenance.source}"
      }
    }
  }
}
`,
    );
  });

  it("reads what it prints, whatever the white space", () => {
    assert.deepEqual(PluginLock.parse(both.print()), both);
    assert.deepEqual(PluginLock.parse(JSON.stringify(JSON.parse(both.print()))), both);
    assert.deepEqual(PluginLock.parse(PluginLock.empty.print()), PluginLock.empty);
  });

  it("finds, replaces and leaves out a package by name and version", () => {
    assert.equal(both.find(one)?.treeSha256, one.treeSha256);
    assert.equal(both.find({ ...one, version: "1.2.4" }), undefined);
    const changed = { ...one, treeSha256: "cd".repeat(32) };
    assert.deepEqual(both.with(changed).packages, [changed, other]);
    assert.deepEqual(both.without(one).packages, [other]);
  });

  const text = both.print();
  const change = (from: string | RegExp, to: string): string => text.replace(from, to);
  for (const [what, changed, sentence] of [
    ["another version", change('"lockVersion": 1', '"lockVersion": 2'), '"lockVersion" should be 1, not 2'],
    ["a list", "[]", "it should be an object"],
    [
      "an unknown key",
      change('"provenance": null', '"provenence": null'),
      '"@vendor/name@1.2.3" has the key "provenence", which is unknown; did you mean "provenance"?',
    ],
    ["a missing key", change(/,\s*"provenance": null/, ""), '"@vendor/name@1.2.3" lacks "provenance"'],
    [
      "a weak integrity",
      change(integrity, "sha1-AAAA"),
      '"@vendor/name@1.2.3": "integrity" should be "sha512-" and 88 characters of base64',
    ],
    [
      "a short digest",
      change("ab".repeat(32), "ab"),
      '"@vendor/name@1.2.3": "treeSha256" should be 64 hex digits in lower case',
    ],
    [
      "a range",
      change("@vendor/name@1.2.3", "@vendor/name@^1"),
      '"@vendor/name@^1" names no plugin package: ^1 is no exact version such as 1.2.3; ranges and tags are for plugin install',
    ],
    [
      "a key that is there twice",
      change('"provenance": null', '"provenance": null, "provenance": null'),
      "a key is there twice, or out of its order",
    ],
    [
      "a signer that is no string",
      change(`"${provenance.signer}"`, "1"),
      '"alone@0.1.0-rc.1": "provenance": "signer" should be a string',
    ],
  ] as const)
    it(`refuses ${what}`, () => refuses(changed, sentence));

  it("refuses what is no JSON", () => {
    assert.throws(() => PluginLock.parse(text.slice(0, -3)), {
      reason: "PLUGIN_LOCK",
      message: /^it is no JSON: /,
    });
  });

  it("reads a changed text as what it says, or not at all", () => {
    const squeeze = (each: string): string => each.replaceAll(/\s+/g, "");
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(4), fc.string({ maxLength: 4 }), (at, drop, insert) => {
        const changed = text.slice(0, at) + insert + text.slice(at + drop);
        let lock: PluginLock;
        try {
          lock = PluginLock.parse(changed);
        } catch (error) {
          assert.equal((error as { reason?: string }).reason, "PLUGIN_LOCK");
          return;
        }
        assert.equal(squeeze(lock.print()), squeeze(changed));
      }),
      { numRuns: 3_000 },
    );
  });

  it("refuses any JSON that is no lock file, as one", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.throws(() => PluginLock.parse(JSON.stringify(value)), { reason: "PLUGIN_LOCK" });
      }),
    );
  });
});
