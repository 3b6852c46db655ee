import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { exitOf } from "../support/child.ts";
import { Deployment, type DeploymentOptions } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { listProcesses, processTree } from "../support/processes.ts";

/** A deployment whose daemons have a temporary folder of their own, so that it can be looked into. */
async function deploy(options: DeploymentOptions = {}) {
  const temporary = mkdtempSync(join(tmpdir(), "system-"));
  const deployment = await Deployment.create({ ...options, env: { ...process.env, TMPDIR: temporary } });
  return {
    deployment,
    temporary,
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await deployment[Symbol.asyncDispose]();
      rmSync(temporary, { recursive: true });
    },
  };
}

function survivors(pids: readonly number[]): string[] {
  return listProcesses()
    .filter(({ pid }) => pids.includes(pid))
    .map(({ command }) => command);
}

/** How a server that cannot start ends: with status 1, its last words, and no process left. */
async function failureOf(deployment: Deployment): Promise<string> {
  await assert.rejects(deployment.startServer(), /ended with 1/);
  const { server } = deployment;
  assert.ok(server);
  assert.deepEqual(processTree(server.pid), []);
  return server.log;
}

const pluginsOf = (keyManager: string) => (folder: string) =>
  `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  ${keyManager}
  NodeAttestor "join_token" { plugin_data {} }`;

describe("finial-server", () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    it(`ends on ${signal} with status 0, and leaves no process, socket or folder`, async () => {
      await using deployed = await deploy();
      const { deployment, temporary } = deployed;
      const server = await deployment.startServer();
      const pids = processTree(server.pid).map(({ pid }) => pid);
      assert.equal(pids.length, 4, "the server and its three plugins");
      assert.equal(readdirSync(temporary).length, 1, "one folder for all sockets");
      server.child.kill(signal);
      assert.equal(await exitOf(server.child), 0);
      assert.deepEqual(survivors(pids), []);
      assert.deepEqual(readdirSync(temporary), []);
      assert.equal(existsSync(deployment.serverSocket), false);
      assert.match(server.log, /msg="Server stopped gracefully"\n$/);
    });

  it("goes on after a crash with the same authorities, and clears away what was left", async () => {
    await using deployed = await deploy();
    const { deployment, temporary } = deployed;
    const server = await deployment.startServer();
    const bundle = await deployment.serverCliOk("bundle", "show", "-format", "spiffe");
    const pids = processTree(server.pid).map(({ pid }) => pid);
    await server.kill();
    await eventually(async () => assert.deepEqual(survivors(pids), []), { timeoutMs: 1000, everyMs: 10 });
    await deployment.startServer();
    assert.equal(await deployment.serverCliOk("bundle", "show", "-format", "spiffe"), bundle);
    assert.equal(readdirSync(temporary).length, 1);
  });

  it("lives on when a plugin ends, starts it again, and leaves nothing of the old one", async () => {
    await using deployed = await deploy();
    const { deployment, temporary } = deployed;
    const server = await deployment.startServer();
    const findKeyManager = () =>
      processTree(server.pid).find(({ command }) => command.includes("/keymanager/disk/"));
    const before = findKeyManager();
    assert.ok(before);
    const [folder = ""] = readdirSync(temporary);
    const left = (): number =>
      readdirSync(join(temporary, folder)).filter((name) => !name.startsWith("compiled-")).length;
    const leftBefore = left();
    process.kill(before.pid, "SIGKILL");
    await deployment.serverCliOk("x509", "mint", "-spiffeID", "spiffe://example.org/minted");
    const after = findKeyManager();
    assert.ok(after !== undefined && after.pid !== before.pid);
    assert.match(
      server.log,
      /level=error msg="Plugin ended, and is started again" error="killed by SIGKILL"/,
    );
    assert.match(server.log, /msg="Plugin serves again"/);
    await eventually(async () => assert.equal(left(), leftBefore), { timeoutMs: 5000 });
    assert.equal(await server.stop(), 0);
    assert.deepEqual(survivors([before.pid, after.pid]), []);
    assert.deepEqual(readdirSync(temporary), []);
  });

  it("says that its port is taken", async () => {
    await using deployed = await deploy();
    const { deployment } = deployed;
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(deployment.serverPort, "127.0.0.1", resolve));
    try {
      assert.match(
        await failureOf(deployment),
        /error="cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*" reason=ADDRESS_UNUSABLE/,
      );
    } finally {
      other.close();
    }
  });

  it("leaves a living server's socket alone, and takes a dead one's place", async () => {
    await using deployed = await deploy();
    const { deployment } = deployed;
    const other = createServer((connection) => connection.destroy());
    await new Promise<void>((resolve) => other.listen(deployment.serverSocket, resolve));
    try {
      const log = await failureOf(deployment);
      assert.match(log, /error="cannot listen on .*server\.sock: another process is listening on it"/);
      assert.ok(existsSync(deployment.serverSocket));
      // What a killed server leaves behind: a socket nobody listens on.
      renameSync(deployment.serverSocket, `${deployment.serverSocket}.kept`);
    } finally {
      await new Promise((resolve) => other.close(resolve));
    }
    renameSync(`${deployment.serverSocket}.kept`, deployment.serverSocket);
    await deployment.startServer();
  });

  const refusals: readonly [what: string, keyManager: string, message: string][] = [
    [
      "a plugin it does not have",
      'KeyManager "dsk" { plugin_data {} }',
      'failed to load plugin \\"dsk\\": no built-in plugin \\"dsk\\" for type \\"KeyManager\\": there are \\"disk\\", \\"memory\\"; for a plugin of your own set plugin_cmd or plugin_package',
    ],
    [
      "a command that is not there",
      'KeyManager "mine" { plugin_cmd = "/nonexistent" plugin_data {} }',
      'failed to load plugin \\"mine\\": failed to launch plugin: fork/exec /nonexistent: no such file or directory',
    ],
    [
      "a command that cannot be run",
      'KeyManager "mine" { plugin_cmd = "/etc/os-release" plugin_data {} }',
      'failed to load plugin \\"mine\\": failed to launch plugin: fork/exec /etc/os-release: permission denied',
    ],
    [
      "a command that is no plugin",
      'KeyManager "mine" { plugin_cmd = "/bin/echo" plugin_args = ["hello"] plugin_data {} }',
      'failed to load plugin \\"mine\\": failed to launch plugin: Unrecognized remote plugin message: hello',
    ],
    [
      "a plugin's key that it does not know",
      'KeyManager "disk" { plugin_data { keys_pth = "k" } }',
      'failed to configure plugin \\"disk\\": FOLDER/server.conf:14:37: unknown key \\"keys_pth\\"; did you mean \\"keys_path\\"?',
    ],
    [
      "no key manager at all",
      "",
      'plugin type \\"KeyManager\\" constraint not satisfied: expected exactly 1 but got 0; built-in ones are \\"disk\\", \\"memory\\"',
    ],
  ];
  for (const [what, keyManager, message] of refusals)
    it(`does not start with ${what}`, async () => {
      await using deployed = await deploy({ serverPlugins: pluginsOf(keyManager) });
      const { deployment, temporary } = deployed;
      const log = await failureOf(deployment);
      const expected = message.replace("FOLDER", deployment.folder);
      assert.ok(log.includes(`msg="Server crashed" error="${expected}`), log);
      assert.deepEqual(readdirSync(temporary), []);
    });

  it("opens its log file anew on SIGUSR2", async () => {
    await using deployed = await deploy();
    const { deployment } = deployed;
    const file = join(deployment.folder, "own.log");
    const first = await deployment.startServer(["-logFile", file]);
    renameSync(file, `${file}.1`);
    first.child.kill("SIGUSR2");
    await eventually(async () => assert.ok(existsSync(file)), { timeoutMs: 5000 });
    await first.stop();
    assert.match(readFileSync(file, "utf8"), /Server stopped gracefully/);
    assert.match(readFileSync(`${file}.1`, "utf8"), /Starting Server APIs/);
  });
});
