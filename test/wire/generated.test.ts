import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { generate, readTree } from "../../scripts/generate.ts";

describe("proto/gen", () => {
  it("is what npm run generate writes", () => {
    const fresh = generate();
    const committed = readTree(join(import.meta.dirname, "..", "..", "proto", "gen"));
    const paths = [...new Set([...fresh.keys(), ...committed.keys()])].sort();
    const stale = paths.filter((path) => fresh.get(path) !== committed.get(path));
    assert.deepEqual(stale, [], "stale; run: npm run generate");
  });
});
