import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { type FaultName, faults } from "../faults/faults.ts";
import { finialCommand } from "../support/binaries.ts";
import { runCommand } from "../support/child.ts";
import { describeFailures, runPluginKit } from "../support/plugin-kit.ts";
import { listProcesses } from "../support/processes.ts";

const root = join(import.meta.dirname, "..", "..");
const faulty = join(root, "test", "faults", "dist", "plugin.mjs");

describe("finial plugin test", () => {
  it("passes a built-in plugin by its package, sealed as its manifest says", async () => {
    const report = await runPluginKit(join(root, "plugins", "server", "keymanager", "memory"));
    assert.equal(report.status, 0, describeFailures(report));
    assert.deepEqual([report.plugin.side, report.plugin.type], ["server", "KeyManager"]);
    assert.ok(report.passed > 20);
  });

  it("learns from what a plugin offers of which type it is", async () => {
    const report = await runPluginKit("-only", "init", faulty, "none");
    assert.equal(report.status, 0, describeFailures(report));
    assert.deepEqual([report.plugin.side, report.plugin.type], ["agent", "WorkloadAttestor"]);
  });

  // One of each stage; all of them are in the scenario.
  const some: readonly FaultName[] = [
    "stdout-before",
    "init-empty",
    "wrong-field",
    "bare-errors",
    "no-controller",
  ];
  for (const name of some)
    it(`finds what is wrong with ${name}`, async () => {
      const { check, reason, says } = faults[name];
      const { status, checks } = await runPluginKit("-only", check, "-name", "faulty", faulty, name);
      assert.equal(status, 1);
      const failed = checks.filter((one) => one.status === "failed");
      assert.equal(failed.length, 1);
      assert.equal(failed[0]?.finding?.reason, reason);
      assert.match(failed[0].finding.what, says);
    });

  it("leaves nothing running of a plugin that does", async () => {
    await runPluginKit("-only", "init", faulty, "process-left");
    const left = listProcesses().filter(({ command }) => command === "sleep 300");
    assert.deepEqual(left, []);
  });

  it("tells people what, why and how to mend it", async () => {
    const { status, stdout } = await runCommand([
      ...finialCommand("finial"),
      "plugin",
      "test",
      faulty,
      "ends-early",
    ]);
    assert.equal(status, 1);
    assert.match(stdout, /^ok {7}refuses to run without its cookie$/m);
    assert.match(
      stdout,
      /^FAILED {3}says in one line where it listens\n {9}what: .*\n[\s\S]*^ {9}why: .*\n[\s\S]*^ {9}mend: /m,
    );
    assert.match(stdout, /Nothing after this could be looked at/);
    assert.match(stdout, /^plugin: 1 ok, 1 failed, 0 skipped, in \d+\.\d s$/m);
  });
});

describe("finial plugin doctor", () => {
  const doctor = (...args: readonly string[]) =>
    runCommand([...finialCommand("finial"), "plugin", "doctor", ...args]);

  it("says how a good plugin starts", async () => {
    const { status, stdout } = await doctor(faulty, "none");
    assert.equal(status, 0);
    assert.match(
      stdout,
      /^plugin starts as it should, in \d+ ms\n {2}it says 1\|1\|unix\|.*\|grpc\n {2}it offers spire\./,
    );
  });

  it("explains a start that fails", async () => {
    for (const name of [
      "cookie-of-another",
      "handshake-fields",
      "socket-missing",
      "handshake-twice",
    ] as const) {
      const { reason, says } = faults[name];
      const { status, stdout } = await doctor("-type", "WorkloadAttestor", "-output", "json", faulty, name);
      assert.equal(status, 1, name);
      const { finding } = JSON.parse(stdout);
      assert.equal(finding.reason, reason);
      assert.match(finding.what, says);
    }
    const { status, stdout } = await doctor(join(root, "README.md"));
    assert.deepEqual([status, /\((\w+)\)/.exec(stdout)?.[1]], [1, "NOT_EXECUTABLE"]);
  });
});
