import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  globSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { toPem } from "@finial/sdk/crypto";
import { testCa } from "@finial/sdk/testing";
import { Deployment } from "../support/deployment.ts";
import { processTree } from "../support/processes.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";
import { type PopNode, UpgradeLoad } from "../support/upgrade-load.ts";

const plugins = join(import.meta.dirname, "..", "..", "plugins", "server");
/** What is upgraded under load, in turn. */
const victims = [
  { type: "KeyManager", name: "disk", bundle: "keymanager/disk" },
  { type: "DataStore", name: "sql", bundle: "datastore/sql" },
  { type: "NodeAttestor", name: "x509pop", bundle: "nodeattestor/x509pop" },
] as const;
type Victim = (typeof victims)[number];
const pauseMs = 1500;

export const scenario: Scenario = {
  title:
    "plugins are upgraded under 200 calls a second without a failed one, and a version that is not the same plugin does not take over",
  quick: false,
  async run(context) {
    await using stage = await Stage.set();
    const figure = await stage.upgradeUnderLoad(context);
    const refusals = await stage.refuse(context);
    return `${figure}; ${refusals} bad versions refused, with the old ones serving`;
  },
};

class Stage implements AsyncDisposable {
  readonly #deployment: Deployment;
  readonly #node: PopNode;
  #versions = 1;

  private constructor(deployment: Deployment, node: PopNode) {
    this.#deployment = deployment;
    this.#node = node;
  }

  static async set(): Promise<Stage> {
    const ca = await testCa();
    const { privateKey, chainDer } = await ca.x509Svid("/machine");
    const deployment = await Deployment.create({
      logLevel: "INFO",
      server: "  ratelimit { attestation = false signing = false }",
      serverPlugins,
    });
    const stage = new Stage(deployment, { key: privateKey, chainDer });
    writeFileSync(join(deployment.folder, "machines.pem"), toPem("CERTIFICATE", ca.rootDer));
    for (const addon of globSync("datastore/sql/dist/*.node", { cwd: plugins }))
      copyFileSync(join(plugins, addon), join(deployment.folder, basename(addon)));
    for (const victim of victims) stage.#install(victim);
    await deployment.startServer();
    return stage;
  }

  /** Another version in the place of the program that there is. */
  #install({ bundle, name }: Victim): void {
    const path = join(this.#deployment.folder, `${name}.mjs`);
    const next = `${path}.next`;
    copyFileSync(join(plugins, bundle, "dist", "plugin.mjs"), next);
    appendFileSync(next, `\n// version ${this.#versions++}\n`);
    chmodSync(next, 0o755);
    renameSync(next, path);
  }

  #upgrade({ type, name }: Victim) {
    return this.#deployment.serverCli(
      "plugin",
      "upgrade",
      "-socketPath",
      this.#deployment.serverSocket,
      type,
      name,
    );
  }

  #pidOf({ name }: Victim): number {
    const tree = processTree(this.#deployment.server?.pid ?? 0);
    const mine = tree.filter(({ command }) => command.includes(`/${name}.mjs`));
    const [plugin] = mine;
    if (plugin === undefined || mine.length > 1) throw new Error(`${name} has ${mine.length} processes`);
    return plugin.pid;
  }

  /** @returns the figure. */
  async upgradeUnderLoad({ full, step, say }: ScenarioContext): Promise<string> {
    const { serverSocket, trustDomain } = this.#deployment;
    const durationMs = full ? 60_000 : 20_000;
    const load = await UpgradeLoad.start({ adminSocket: serverSocket, trustDomain, node: this.#node });
    const startedAt = performance.now();
    const upgrades = new Map<string, number>();
    try {
      while (performance.now() - startedAt < durationMs)
        for (const victim of victims) {
          this.#install(victim);
          const { status, stdout, stderr } = await this.#upgrade(victim);
          if (status !== 0) throw new Error(`${victim.name} was not upgraded: ${stderr}`);
          if (!/ took over from process \d+$/.test(stdout.trim())) throw new Error(`it said: ${stdout}`);
          upgrades.set(victim.type, (upgrades.get(victim.type) ?? 0) + 1);
          await sleep(pauseMs);
        }
    } finally {
      await load[Symbol.asyncDispose]();
    }
    const seconds = (performance.now() - startedAt) / 1000;
    if (load.failures.length > 0)
      throw new Error(`${load.failures.length} calls failed: ${load.failures.slice(0, 3).join("; ")}`);
    // What has taken over is alone: the old processes have ended.
    await sleep(4000);
    for (const victim of victims) this.#pidOf(victim);
    const done = [...upgrades].map(([type, count]) => `${type} ${count} times`).join(", ");
    step(`upgraded for ${seconds.toFixed(0)} s: ${done}`);
    for (const { name, count, maxMs } of load.calls)
      say(`${name}: ${count}, none failed, the slowest in ${Math.round(maxMs)} ms`);
    const total = [...upgrades.values()].reduce((sum, count) => sum + count, 0);
    return `${total} upgrades under ${Math.round(load.count / seconds)} calls a second: 0 of ${load.count} failed`;
  }

  /** @returns how many. */
  async refuse({ step, say }: ScenarioContext): Promise<number> {
    const [keyManager, store] = victims;
    const { serverConfigPath, folder } = this.#deployment;
    const config = readFileSync(serverConfigPath, "utf8");
    const cases: readonly (readonly [what: string, victim: Victim, prepare: () => void, reason: RegExp])[] = [
      [
        "a program that ends at once",
        keyManager,
        () => {
          writeFileSync(join(folder, "disk.mjs"), "#!/bin/sh\necho no disk >&2\nexit 3\n", { mode: 0o755 });
        },
        /plugin ended before it said where it listens \(exit status 3\): no disk/,
      ],
      [
        "a key manager with other keys",
        keyManager,
        () => {
          this.#install(keyManager);
          writeFileSync(serverConfigPath, config.replace("/keys.json", "/other-keys.json"));
        },
        /key/,
      ],
      [
        "a data store that is another",
        store,
        () => {
          this.#install(store);
          writeFileSync(serverConfigPath, config.replace("/datastore.sqlite3", "/other.sqlite3"));
        },
        /store/,
      ],
      [
        "a configuration that it does not understand",
        store,
        () => writeFileSync(serverConfigPath, config.replace("connection_string", "conection_string")),
        /did you mean "connection_string"/,
      ],
      [
        "a configuration file with a slip",
        store,
        () => writeFileSync(serverConfigPath, config.replace("trust_domain", "trust_domian")),
        /did you mean "trust_domain"/,
      ],
      [
        "a plugin that is not listed any more",
        store,
        () => writeFileSync(serverConfigPath, config.replace('DataStore "sql"', 'DataStore "sqlite"')),
        /does not list DataStore "sql" any more/,
      ],
    ];
    step("versions that must not take over");
    for (const [what, victim, prepare, reason] of cases) {
      const before = this.#pidOf(victim);
      prepare();
      const { status, stderr } = await this.#upgrade(victim);
      if (status !== 1 || !reason.test(stderr)) throw new Error(`${what}: status ${status}, ${stderr}`);
      if (this.#pidOf(victim) !== before) throw new Error(`${what} has taken over`);
      const minted = await this.#deployment.serverCli(
        "jwt",
        "mint",
        "-spiffeID",
        "spiffe://example.org/after",
        "-audience",
        "upgrade",
      );
      const shown = await this.#deployment.serverCli("entry", "count");
      if (minted.status !== 0 || shown.status !== 0)
        throw new Error(`${what} left the server without a plugin`);
      say(
        `${what}: ${stderr
          .replace(/^.*desc = /, "")
          .trim()
          .replaceAll(`${folder}/`, "")}`,
      );
      writeFileSync(serverConfigPath, config);
      this.#install(victim);
    }
    return cases.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deployment[Symbol.asyncDispose]();
  }
}

function serverPlugins(folder: string): string {
  const program = (name: string): string => `plugin_cmd = "${folder}/${name}.mjs"\n    plugin_mtls = true`;
  return `
  DataStore "sql" {
    ${program("sql")}
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "disk" {
    ${program("disk")}
    plugin_data { keys_path = "${folder}/keys.json" }
  }
  NodeAttestor "x509pop" {
    ${program("x509pop")}
    plugin_data { ca_bundle_path = "${folder}/machines.pem" }
  }`;
}
