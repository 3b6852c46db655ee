import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { findTarget } from "./target.ts";

const folder = mkdtempSync(join(tmpdir(), "target-"));
after(() => rmSync(folder, { recursive: true }));
const nothingSaid = {
  side: "",
  type: "",
  name: "",
  mtls: false,
  cwd: folder,
  path: "/usr/bin:/bin",
  nodePath: "/node",
};
const manifest = {
  side: "agent",
  type: "WorkloadAttestor",
  name: "mine",
  main: "dist/plugin.mjs",
  mtls: true,
};

function makePackage(name: string, content: string): string {
  const to = join(folder, name);
  mkdirSync(join(to, "dist"), { recursive: true });
  writeFileSync(join(to, "plugin.json"), content);
  return to;
}

describe("findTarget()", () => {
  it("takes a built package as its manifest says it", () => {
    const to = makePackage("built", JSON.stringify(manifest));
    writeFileSync(join(to, "dist", "plugin.mjs"), "");
    assert.deepEqual(findTarget({ ...nothingSaid, operands: ["built"] }), {
      file: "/node",
      args: [join(to, "dist", "plugin.mjs")],
      isPackage: true,
      isSealed: true,
      side: "agent",
      type: "WorkloadAttestor",
      name: "mine",
    });
  });

  it("takes a command by its path, or from the PATH", () => {
    writeFileSync(join(folder, "plugin.py"), "");
    const plain = { isPackage: false, isSealed: false, side: undefined, type: undefined };
    assert.deepEqual(findTarget({ ...nothingSaid, operands: ["./plugin.py", "-x"] }), {
      ...plain,
      file: join(folder, "plugin.py"),
      args: ["-x"],
      name: "plugin",
    });
    assert.deepEqual(
      findTarget({
        ...nothingSaid,
        side: "server",
        type: "Notifier",
        name: "n",
        operands: ["sh", "plugin.sh"],
      }),
      { ...plain, file: "/usr/bin/sh", args: ["plugin.sh"], side: "server", type: "Notifier", name: "n" },
    );
  });

  it("says in one sentence what cannot be", () => {
    makePackage("unbuilt", JSON.stringify({ ...manifest, main: "dist/other.mjs" }));
    makePackage("broken", "{");
    mkdirSync(join(folder, "bare"));
    const cases: readonly (readonly [operands: readonly string[], side: string, message: RegExp])[] = [
      [[], "", /^name the plugin: a command with its arguments, or the folder of its package$/],
      [["built"], "client", /^-side is server or agent, not client$/],
      [["built", "-config", "x"], "", /nothing follows: flags go before it \(-config x\)$/],
      [["bare"], "", /bare has no plugin\.json/],
      [["unbuilt"], "", /other\.mjs is not there yet: build the package first$/],
      [["broken"], "", /plugin\.json: /],
      [["nobody-has-this"], "", /^there is no program "nobody-has-this", neither here nor on the PATH$/],
    ];
    for (const [operands, side, message] of cases)
      assert.throws(() => findTarget({ ...nothingSaid, side, operands }), { reason: "TARGET", message });
  });
});
