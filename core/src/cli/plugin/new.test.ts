import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { FakeIo } from "../fake-io.ts";
import { runProgram } from "../main.ts";
import { version } from "../version.ts";
import { pluginProgram } from "./program.ts";

const cwd = mkdtempSync(join(tmpdir(), "plugin-new-"));
after(() => rmSync(cwd, { recursive: true }));

async function run(...args: readonly string[]): Promise<{ readonly status: number; readonly io: FakeIo }> {
  const io = new FakeIo({ cwd });
  return { status: await runProgram(pluginProgram, ["plugin", "new", ...args], io), io };
}

describe("finial plugin new", () => {
  it("writes a package under the plugin's name, for the sdk of its own version", async () => {
    const { status, io } = await run("agent", "WorkloadAttestor", "mine");
    assert.deepEqual([status, io.err], [0, ""]);
    assert.match(
      io.out,
      /^Wrote \d+ files to mine: WorkloadAttestor "mine" of the agent\.\nNext: cd mine && npm install/,
    );
    const { devDependencies } = JSON.parse(readFileSync(join(cwd, "mine", "package.json"), "utf8"));
    assert.equal(devDependencies["@finial/sdk"], version);
  });

  it("takes flags before the words and after them", async () => {
    for (const [folder, args] of [
      ["before", ["-o", "before", "-sdk", "9.9.9", "server", "Notifier", "n"]],
      ["after", ["server", "Notifier", "n", "-sdk=9.9.9", "-o", "after"]],
    ] as const) {
      assert.equal((await run(...args)).status, 0);
      const { devDependencies } = JSON.parse(readFileSync(join(cwd, folder, "package.json"), "utf8"));
      assert.equal(devDependencies["@finial/sdk"], "9.9.9");
    }
  });

  it("says in one line what is wrong, and writes nothing", async () => {
    const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [[], /^it takes three words: server or agent, the type, and the name/],
      [["server", "Notifier"], /^it takes three words/],
      [["server", "Notifier", "wrong", "more"], /^it takes three words; "more" is one too many\n$/],
      [["server", "Notifier", "wrong", "-x"], /^flag provided but not defined: -x/],
      [["server", "Notfier", "wrong"], /did you mean Notifier\?\n$/],
    ];
    for (const [args, message] of cases) {
      const { status, io } = await run(...args);
      assert.equal(status, 1);
      assert.match(io.err, message);
      assert.equal(io.err.trim().split("\n").length, 1, io.err);
    }
    assert.ok(!existsSync(join(cwd, "wrong")));
  });
});
