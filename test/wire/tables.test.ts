import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readDescriptors } from "../../scripts/descriptors.ts";
import { readTree } from "../../scripts/generate.ts";
import { wireTables } from "../../scripts/wire-table.ts";

const pinned = readTree(join(import.meta.dirname, "tables"));
const current = wireTables(readDescriptors());

/** Lines with the message, service or enum they belong to, so that a difference names its place. */
function lines(text: string): string[] {
  let owner = "";
  return text
    .trimEnd()
    .split("\n")
    .map((line) => {
      if (!line.startsWith("  ")) owner = line;
      return line === owner ? line : `${owner}: ${line.trim()}`;
    });
}

function difference(before: string, after: string): string[] {
  const [old, now] = [lines(before), lines(after)];
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `- ${line}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

describe("the wire", () => {
  it("has the packages that are pinned", () => {
    assert.deepEqual([...current.keys()].sort(), [...pinned.keys()].sort());
  });

  for (const [name, text] of pinned) {
    it(`is as pinned in ${name}`, () => {
      const changes = difference(text, current.get(name) ?? "");
      assert.equal(
        changes.join("\n"),
        "",
        "the .proto files changed what is on the wire; if that is meant: npm run generate -- --pin",
      );
    });
  }
});
