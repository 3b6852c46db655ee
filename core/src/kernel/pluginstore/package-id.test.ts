import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePackageId, printPackageId } from "./package-id.ts";

describe("parsePackageId()", () => {
  it("takes a name, with a scope or without, and an exact version", () => {
    for (const text of ["@vendor/name@1.2.3", "name@0.0.1", "@a/b.c-d_e~f@10.20.30-rc.1", "x@1.0.0--"])
      assert.equal(printPackageId(parsePackageId(text)), text);
    assert.deepEqual(parsePackageId("@vendor/name@1.2.3"), { name: "@vendor/name", version: "1.2.3" });
  });

  for (const [text, why] of [
    ["", "it should be such as @vendor/name@1.2.3"],
    ["@vendor", "it should be such as @vendor/name@1.2.3"],
    ["../name@1.2.3", "it should be such as @vendor/name@1.2.3"],
    ["@Vendor/name@1.2.3", "it should be such as @vendor/name@1.2.3"],
    ["@vendor/name/more@1.2.3", "it should be such as @vendor/name@1.2.3"],
    [".name@1.2.3", "it should be such as @vendor/name@1.2.3"],
    [`${"n".repeat(215)}@1.2.3`, "it should be such as @vendor/name@1.2.3"],
    ["@vendor/name", "it should name the exact version, too, such as @vendor/name@1.2.3"],
    ["@vendor/name@", "it should name the exact version, too, such as @vendor/name@1.2.3"],
    ...["latest", "1", "1.2", "^1.2.3", "01.2.3", "1.2.3-", "1.2.3-01", "1.2.3+build", "1.2.3 "].map(
      (version) =>
        [
          `name@${version}`,
          `${version} is no exact version such as 1.2.3; ranges and tags are for plugin install`,
        ] as const,
    ),
  ] as const)
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      assert.throws(() => parsePackageId(text), {
        code: 3,
        reason: "PLUGIN_PACKAGE",
        message: `${JSON.stringify(text)} names no plugin package: ${why}`,
      });
    });
});
