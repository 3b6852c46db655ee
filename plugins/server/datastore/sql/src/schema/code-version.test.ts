import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { areCompatible, type CodeVersion, isNewer, parseCodeVersion } from "./code-version.ts";

function version(text: string): CodeVersion {
  const parsed = parseCodeVersion(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
}

describe("parseCodeVersion()", () => {
  it("reads releases, what comes before them, and nothing", () => {
    assert.deepEqual(version("1.15.3"), { major: 1, minor: 15, patch: 3, prerelease: "" });
    assert.deepEqual(version("1.14.2-dev-27d2083"), {
      major: 1,
      minor: 14,
      patch: 2,
      prerelease: "dev-27d2083",
    });
    assert.deepEqual(version("1.2.3+build.5"), { major: 1, minor: 2, patch: 3, prerelease: "" });
    assert.deepEqual(version(""), { major: 0, minor: 0, patch: 0, prerelease: "" });
  });

  it("knows what is none", () => {
    for (const text of ["1", "1.2", "v1.2.3", "a.2*.3", "1.2.3.4", "1.2.3-"])
      assert.equal(parseCodeVersion(text), undefined, text);
  });
});

describe("isNewer()", () => {
  it("compares part by part, a release being newer than what came before it", () => {
    const release = version("1.15.3");
    for (const older of ["", "0.99.99", "1.14.9", "1.15.2", "1.15.3-dev-unk"])
      assert.ok(isNewer(release, version(older)), older);
    for (const other of ["1.15.3", "1.15.4", "1.16.0", "2.0.0", "1.15.4-dev"])
      assert.ok(!isNewer(release, version(other)), other);
  });
});

describe("areCompatible()", () => {
  it("allows one minor version between servers", () => {
    const release = version("1.15.3");
    for (const near of ["1.14.0", "1.15.0", "1.16.9", "1.16.0-dev"])
      assert.ok(areCompatible(release, version(near)), near);
    for (const far of ["", "1.13.9", "1.17.0", "2.15.3"])
      assert.ok(!areCompatible(release, version(far)), far);
  });
});
