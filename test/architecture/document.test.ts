import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { root } from "./imports.ts";
import { rooms } from "./rooms.ts";

const text = readFileSync(join(root, "docs", "architecture.md"), "utf8");
const named = [...text.matchAll(/`([\w./-]+)`/g)].map(([, path = ""]) => path);
const paths = named.filter((path) => /^(proto|sdk|core|plugins|conf|test|bench|docs|apps)(\/|$)/.test(path));

describe("docs/architecture.md", () => {
  it("names only what is there", () => {
    assert.ok(paths.length > 50, `it names ${paths.length} paths`);
    assert.deepEqual(
      paths.filter((path) => !existsSync(join(root, path))),
      [],
    );
  });

  it("leaves no room out of the tree", () => {
    const described = (name: string): boolean =>
      paths.some((path) => `${path}/`.startsWith(`${name}/`) || name.startsWith(`${path}/`));
    const missing = rooms
      .map(({ name }) => name)
      .filter((name) => existsSync(join(root, name)) && !described(name));
    assert.deepEqual(missing, []);
  });
});
