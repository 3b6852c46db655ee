import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { finialCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { type KitReport, runPluginKit } from "../support/plugin-kit.ts";

const root = join(import.meta.dirname, "..", "..");
const guide = readFileSync(join(root, "docs", "plugin-authors.md"), "utf8");
const owner = join(root, "docs", "examples", "owner", "typescript", "main.ts");

describe("docs/plugin-authors.md", () => {
  let report: KitReport;
  before(async () => {
    report = await runPluginKit("-name", "owner", process.execPath, "--conditions=source", owner);
  });

  it("shows the example as it is, and it passes the kit", () => {
    const [, path = "", code] = /```ts\n\/\/ (\S+)\n([\s\S]*?)```/.exec(guide) ?? [];
    assert.equal(code, readFileSync(join(root, path), "utf8"));
    assert.equal(report.status, 0);
  });

  it("lists every check, in the order in which they are run", () => {
    const listed = [...guide.matchAll(/^\| `([\w-]+)` +\| (.*?) +\|$/gm)].map(([, name, title]) => [
      name,
      title,
    ]);
    const run = report.checks
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, title }) => [name, title]);
    assert.deepEqual(listed, run);
  });

  it("uses commands and flags that there are", async () => {
    const lines = [...guide.matchAll(/^finial plugin (\w+)(.*)$/gm)];
    assert.ok(lines.length >= 6);
    for (const [line, name = "", rest = ""] of lines) {
      const { status, stdout } = await runCommand([...finialCommand("finial"), "plugin", name, "-help"]);
      assert.equal(status, 0, line);
      for (const [, flag = ""] of rest.matchAll(/ (-\w+)/g))
        assert.match(stdout, new RegExp(`^  ${flag}( |$)`, "m"), line);
    }
  });
});
