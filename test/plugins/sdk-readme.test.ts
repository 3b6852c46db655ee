import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { runCommand } from "../support/child.ts";
import { startPluginProcess } from "../support/plugin-process.ts";

const root = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(root, "sdk", "README.md"), "utf8");
const files = [...readme.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)].map(([, name = "", text = ""]) => ({
  name,
  text,
}));
// Inside the checkout, where packages are found.
mkdirSync(join(root, ".finial"), { recursive: true });
const folder = mkdtempSync(join(root, ".finial", "sdk-readme-"));
after(() => rmSync(folder, { recursive: true }));

describe("the plugin in the sdk's README", () => {
  before(() => {
    for (const { name, text } of files) writeFileSync(join(folder, name), text);
  });

  it("is whole", () => {
    assert.deepEqual(
      files.map(({ name }) => name),
      ["plugin.ts", "main.ts", "plugin.test.ts"],
    );
  });

  it("has the right types", async () => {
    const config = {
      extends: join(root, "tsconfig.json"),
      include: ["*.ts"],
      exclude: [],
      compilerOptions: { typeRoots: [join(root, "node_modules", "@types")] },
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const { status, stdout } = await runCommand([join(root, "node_modules", ".bin", "tsc"), "-p", folder]);
    assert.deepEqual([status, stdout], [0, ""]);
  });

  it("passes its own test", async () => {
    const command = [process.execPath, "--conditions=source", "--test", join(folder, "plugin.test.ts")];
    // A test that runs tests must not be taken for one of its own.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout } = await runCommand(command, { env });
    assert.equal(status, 0, stdout);
  });

  it("is a process that a host can start", async () => {
    await using started = await startPluginProcess(join(folder, "main.ts"), "WorkloadAttestor");
    assert.deepEqual(await started.validate('prefix = "is"'), []);
    assert.match((await started.validate("prefx = 1")).join("\n"), /did you mean "prefix"\?/);
  });
});
