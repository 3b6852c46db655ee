import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code, StatusError, systemClock } from "@finial/sdk";
import { parseTrustDomain } from "@finial/sdk/spiffe";
import { captureLog } from "@finial/sdk/testing";
import type { FakePluginBehaviour } from "../pluginhost/fake-plugin.ts";
import { compileCache, isRunning } from "../pluginhost/start-fake-plugin.ts";
import { refusedReason } from "../pluginhost/supervisor.ts";
import { unresolved } from "../secret/plugin-secrets.ts";
import { Catalog } from "./catalog.ts";
import { exactlyOne } from "./constraints.ts";
import { Manifests } from "./manifest.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-supervised-"));
after(() => rmSync(folder, { recursive: true }));

const service = "fake.plugin.v1.KeyManager";
const config = ConfigDefinition.fullName;
let count = 0;

/** A plugin whose next process may behave in another way. */
async function load(behaviour: FakePluginBehaviour = {}) {
  const name = `fake-${count++}`;
  const [file, command] = [join(folder, `${name}.json`), join(folder, name)];
  const behave = (next: FakePluginBehaviour): void =>
    writeFileSync(file, JSON.stringify({ services: [service, config], ...next }));
  behave(behaviour);
  const program = join(import.meta.dirname, "../pluginhost/fake-plugin.ts");
  writeFileSync(
    command,
    `#!/bin/sh\nexport NODE_COMPILE_CACHE="${compileCache}"\nexec "${process.execPath}" --conditions=source "${program}" "$(cat "${file}")"\n`,
  );
  chmodSync(command, 0o755);
  const logger = captureLog();
  const catalog = await Catalog.load(
    [{ type: "KeyManager", name, pluginCmd: command, pluginArgs: [], configText: "a = 1", enabled: true }],
    {
      types: { KeyManager: { constraint: exactlyOne, services: [service] } },
      surroundings: {
        manifests: new Manifests(folder, "server"),
        env: process.env,
        nodePath: process.execPath,
        secrets: unresolved,
      },
      hostServices: [],
      trustDomain: parseTrustDomain("example.org"),
      logger,
      clock: systemClock,
      random: () => 0,
      socketParent: folder,
    },
  );
  const plugin = catalog.one("KeyManager");
  const kill = (signal: NodeJS.Signals = "SIGKILL"): void => {
    process.kill(plugin.pid ?? assert.fail("it does not run"), signal);
  };
  return {
    behave,
    catalog,
    kill,
    logger,
    name,
    plugin,
    [Symbol.asyncDispose]: () => catalog[Symbol.asyncDispose](),
  };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("SupervisedPlugin", { concurrency: 3, timeout: 60_000 }, () => {
  it("has calls wait for the process that takes the place of one that ended", async () => {
    await using at = await load({ noteLength: 3 });
    const before = at.plugin.pid;
    at.kill();
    const client = at.plugin.client(ConfigDefinition);
    const { notes } = await client.validate({ hclConfiguration: "" }, { deadlineMs: 30_000 });
    assert.deepEqual(notes, ["xxx"]);
    assert.notEqual(at.plugin.pid, before);
    assert.equal(at.plugin.restarts, 1);
  });

  it("uses no process that is found to be another plugin, and says so until there is one that is not", async () => {
    await using at = await load();
    let refusals = 0;
    at.plugin.returns.examine(async (fresh) => {
      await fresh(ConfigDefinition).validate({ hclConfiguration: "" });
      if (++refusals > 2) return;
      throw new StatusError(Code.FailedPrecondition, refusedReason, "it came back with other keys");
    });
    at.kill();
    await until(() => at.catalog.problems.length > 0);
    const problem = `plugin KeyManager "${at.name}" is not used: it came back with other keys`;
    assert.deepEqual(at.catalog.problems, [problem]);
    assert.throws(() => at.catalog.checkPlugins(), {
      code: Code.Unavailable,
      reason: "PLUGIN_OUT_OF_SERVICE",
      message: problem,
    });
    await until(() => at.plugin.restarts === 1);
    // It is well when it has served well.
    assert.deepEqual(at.catalog.problems, [problem]);
    await until(() => at.catalog.problems.length === 0);
    assert.equal(refusals, 3);
  });

  it("uses no process that offers less than the one before", async () => {
    await using at = await load({ services: [service, config, "fake.extension.v1.Signer"] });
    at.behave({});
    at.kill();
    await until(() => at.catalog.problems.length > 0);
    assert.deepEqual(at.catalog.problems, [
      `plugin KeyManager "${at.name}" is not used: it came back without services that it had: fake.extension.v1.Signer`,
    ]);
    at.behave({ services: [service, config, "fake.extension.v1.Signer"] });
    await until(() => at.plugin.restarts === 1);
  });

  it("names one that cannot start any more, with what it said last", async () => {
    await using at = await load();
    at.behave({ configure: "exit" });
    at.kill();
    await until(() => at.catalog.problems.length > 0);
    assert.deepEqual(at.catalog.problems, [
      `plugin KeyManager "${at.name}" keeps ending; the last time: plugin ended while it was being configured (exit status 3): panic: out of luck`,
    ]);
    at.behave({});
    await until(() => at.plugin.restarts === 1);
  });

  it("replaces one that is stopped, and leaves no process behind", async () => {
    await using at = await load();
    const before = at.plugin.pid ?? 0;
    const startedAt = performance.now();
    at.kill("SIGSTOP");
    await until(() => at.plugin.restarts === 1);
    assert.ok(performance.now() - startedAt < 15_000);
    assert.equal(isRunning(before), false);
    const ended = at.logger.lines.find(({ message }) => message === "Plugin is ended");
    assert.match(String(ended?.fields.error), /^it has not answered for \d\.\d s$/);
  });
});
