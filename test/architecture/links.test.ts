import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import { root } from "./imports.ts";

const documents = globSync("**/*.md", {
  cwd: root,
  exclude: (path) => /(^|\/)(node_modules|dist|\.finial)(\/|$)/.test(path),
});

/** Paths of other files that a document points to, as it has them. */
function linksOf(document: string): readonly string[] {
  const text = readFileSync(join(root, document), "utf8").replaceAll(/```[\s\S]*?```/g, "");
  return [...text.matchAll(/\]\(([^)#\s]+)(#[^)]*)?\)/g)]
    .map(([, link = ""]) => link)
    .filter((link) => !/^\w+:/.test(link));
}

describe("the documents", () => {
  it("point to files that are there", () => {
    const broken = documents.flatMap((document) =>
      linksOf(document)
        .filter((link) => !existsSync(join(root, dirname(document), link)))
        .map((link) => `${document}: ${link}`),
    );
    assert.deepEqual(broken, []);
  });
});
