import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type PackageFile, PackageTree } from "./package-tree.ts";

const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const step = fc.stringMatching(/^[a-zA-Z0-9_ äß€😀-]{1,12}$/u);
const file: fc.Arbitrary<PackageFile> = fc.record(
  {
    // A letter before each step and a digit before the last: no file is another's folder.
    path: fc
      .tuple(fc.array(step, { maxLength: 3 }), step)
      .map(([folders, name]) => [...folders.map((each) => `d${each}`), `0${name}`].join("/")),
    size: fc.nat(),
    sha256: hex,
    executable: fc.boolean(),
  },
  { noNullPrototype: true },
);
const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 20 });

describe("PackageTree", () => {
  it("is the same for the same files, in whatever order they come, and is read as it is written", () => {
    fc.assert(
      fc.property(
        files.chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
        ([all, shuffled]) => {
          const tree = PackageTree.of(all);
          assert.equal(PackageTree.of(shuffled).sha256, tree.sha256);
          assert.deepEqual(PackageTree.parse(tree.listing), tree);
        },
      ),
    );
  });

  it("has another digest when anything of any file is another", () => {
    const other: fc.Arbitrary<(file: PackageFile) => PackageFile> = fc.constantFrom(
      (one) => ({ ...one, path: `${one.path}x` }),
      (one) => ({ ...one, size: one.size + 1 }),
      (one) => ({ ...one, executable: !one.executable }),
      (one) => ({ ...one, sha256: one.sha256.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) }),
    );
    fc.assert(
      fc.property(
        files.filter((all) => all.length > 0),
        fc.nat(),
        other,
        (all, index, change) => {
          const changed = all.map((one, at) => (at === index % all.length ? change(one) : one));
          fc.pre(new Set(changed.map(({ path }) => path)).size === all.length);
          assert.notEqual(PackageTree.of(changed).sha256, PackageTree.of(all).sha256);
          assert.notEqual(PackageTree.of(all.slice(1)).sha256, PackageTree.of(all).sha256);
        },
      ),
    );
  });

  it("has a digest that stays what it is: lock files keep it", () => {
    const tree = PackageTree.of([
      { path: "plugin.json", size: 2, sha256: "44".repeat(32), executable: false },
      { path: "dist/plugin.mjs", size: 10, sha256: "ab".repeat(32), executable: true },
    ]);
    assert.equal(
      tree.listing,
      `finial plugin tree 1\n${"ab".repeat(32)} x 10 dist/plugin.mjs\n${"44".repeat(32)} - 2 plugin.json\n`,
    );
    assert.equal(tree.sha256, "efa73ab4e9b53bac5e964ccd7fb43fd84f6e5eba6c2263ced8d8fd266004f88d");
  });

  it("reads no text but its own", () => {
    const { listing } = PackageTree.of([
      { path: "a", size: 1, sha256: "aa".repeat(32), executable: false },
      { path: "b/c", size: 20, sha256: "bb".repeat(32), executable: true },
    ]);
    fc.assert(
      fc.property(fc.nat(listing.length), fc.nat(3), fc.string({ maxLength: 3 }), (at, drop, insert) => {
        const text = listing.slice(0, at) + insert + listing.slice(at + drop);
        let tree: PackageTree;
        try {
          tree = PackageTree.parse(text);
        } catch (error) {
          assert.equal((error as { reason?: string }).reason, "PLUGIN_PACKAGE");
          return;
        }
        assert.equal(tree.listing, text);
      }),
      { numRuns: 2_000 },
    );
  });

  for (const [path, why] of [
    ["/etc/passwd", "is an absolute path"],
    ["../outside", "leads out of the package"],
    ["a/../../b", "leads out of the package"],
    ["a//b", "has an empty step"],
    ["a/./b", "has an empty step"],
    ["a/", "has an empty step"],
    ["", "has an empty step"],
    ["a\nb", "has characters that no path of a plugin should have"],
    ["a\u0000b", "has characters that no path of a plugin should have"],
    ["a\\b", "has characters that no path of a plugin should have"],
    ["\ud800", "has characters that no path of a plugin should have"],
    ["n".repeat(256), "is too long"],
    [Array(300).fill("abcd").join("/"), "is too long"],
  ] as const)
    it(`refuses a path that ${why}: ${JSON.stringify(path.slice(0, 20))}`, () => {
      const one = { path, size: 0, sha256: "00".repeat(32), executable: false };
      assert.throws(() => PackageTree.of([one]), {
        code: 3,
        reason: "PLUGIN_PACKAGE",
        message: `${JSON.stringify(path)} ${why}`,
      });
    });

  it("refuses a file that is there twice, and one where another has its folder", () => {
    const of = (...paths: string[]) =>
      PackageTree.of(paths.map((path) => ({ path, size: 0, sha256: "00".repeat(32), executable: false })));
    assert.throws(() => of("a", "b", "a"), { message: '"a" is there twice' });
    assert.throws(() => of("a/b/c", "a/b"), { message: '"a/b" is a file, and the folder of a/b/c' });
  });
});
