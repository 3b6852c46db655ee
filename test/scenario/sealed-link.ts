import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Canary, huntFor } from "../support/canary.ts";
import { Deployment } from "../support/deployment.ts";
import { Intruder } from "../support/intruder.ts";
import { RecordFile } from "../support/matrix/record-file.ts";
import { isInMemory } from "../support/process-memory.ts";
import { type ProcessInfo, processTree } from "../support/processes.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";

const vendorPlugin = join(import.meta.dirname, "..", "plugin", "dist", "plugin.mjs");
/** Plugins with a secret each. */
const holders = Array.from({ length: 10 }, (_, index) => `holder_${index}`);
/** One whose link the operator left open, to show that the intruder knows its trade. */
const open = "open";

export const scenario: Scenario = {
  title:
    "no other process of the same user gets an answer from a plugin, and each of ten secrets is with the one plugin that it is for",
  quick: true,
  async run(context) {
    await using stage = await Stage.set();
    await stage.start(context);
    const calls = await stage.intrude(context);
    const hunt = await stage.hunt(context);
    return `${calls}; ${hunt}`;
  },
};

class Stage implements AsyncDisposable {
  readonly #deployment: Deployment;
  readonly #canaries: readonly Canary[];

  private constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.#canaries = holders.map((name) => new Canary(name));
  }

  static async set(): Promise<Stage> {
    const stage = new Stage(await Deployment.create({ serverPlugins }));
    const folder = join(stage.#deployment.folder, "secrets");
    mkdirSync(folder, { mode: 0o700 });
    for (const { name, value } of stage.#canaries) writeFileSync(join(folder, name), value, { mode: 0o600 });
    return stage;
  }

  async start({ step, say }: ScenarioContext): Promise<void> {
    await this.#deployment.startServer();
    await this.#deployment.startAgent();
    for (const { name, value } of this.#canaries) {
      const record = new RecordFile(recordPath(this.#deployment.folder, name));
      const { word } = await record.wait("configure", ({ event }) => event === "configure");
      if (word !== value) throw new Error(`${name} was configured with ${word}`);
    }
    step(
      `a server and an agent with ${this.#plugins().length} plugins, ${holders.length} of them with a secret each`,
    );
    say("each has its own");
  }

  /** @returns the figure. */
  async intrude({ step, say }: ScenarioContext): Promise<string> {
    const intruder = await Intruder.make();
    let [made, sockets] = [0, 0];
    for (const plugin of this.#plugins().filter((plugin) => !isOpen(plugin)))
      for (const socket of socketsOf(plugin)) {
        const tried = await intruder.tryAll(socket);
        if (tried.answered > 0)
          throw new Error(`${tried.answered} calls were answered at ${socket}: ${plugin.command}`);
        made += tried.made;
        sockets++;
      }
    step(
      `another process of the same user tries ${sockets} sockets, of plugins and of the host's services for them`,
    );
    say(`${made} calls made, in plain and under TLS: 0 answered`);
    for (const check of [
      this.#deployment.serverCli("healthcheck"),
      this.#deployment.agentCli("healthcheck"),
    ]) {
      const { status, stderr } = await check;
      if (status !== 0) throw new Error(`a daemon is not well after it: ${stderr}`);
    }
    const [plain] = this.#plugins().filter(isOpen);
    if (plain === undefined) throw new Error("the plugin with an open link does not run");
    let answered = 0;
    for (const socket of socketsOf(plain)) answered += (await intruder.tryAll(socket)).answered;
    if (answered === 0)
      throw new Error("the intruder gets no answer from an open link either, and shows nothing");
    say(`at the one plugin that is run with plugin_mtls = false the same intruder got ${answered} answers`);
    return `0 of ${made} calls at ${sockets} sockets answered`;
  }

  /** @returns the figure. */
  async hunt({ step, say }: ScenarioContext): Promise<string> {
    const { folder } = this.#deployment;
    const outputs = await this.#debugOutputs();
    const addressed = (name: string): readonly string[] => [
      join(folder, "secrets", name),
      // What a plugin writes down is its own affair.
      recordPath(folder, name),
    ];
    const found = huntFor(this.#canaries, { folders: [folder], outputs });
    const escaped = found.sightings.filter(({ canary, where }) => !addressed(canary).includes(where));
    if (escaped.length > 0)
      throw new Error(`found: ${escaped.map(({ canary, where }) => `${canary} in ${where}`).join(", ")}`);
    if (found.sightings.length !== 2 * holders.length)
      throw new Error(`only ${found.sightings.length} canaries were found where they were put`);
    const values = this.#canaries.map(({ value }) => value);
    let looked = 0;
    for (const plugin of this.#plugins()) {
      const own = this.#canaries.filter(({ name }) => environmentOf(plugin).includes(`HOLDER=${name}`));
      const seen = isInMemory(plugin.pid, values);
      const expected = own.map(({ value }) => value);
      if ([...seen].join() !== expected.join())
        throw new Error(
          `${plugin.command} has ${seen.size} secrets in its memory, and was given ${own.length}`,
        );
      looked++;
    }
    step("each secret is in its file and with its plugin, and nowhere else");
    say(`${looked} plugins have in their memory what they were given, and no other's`);
    return `${holders.length} secrets: 0 in ${found.environments} environments, ${found.commandLines} command lines, ${outputs.length} outputs, the logs, and the memory of other plugins`;
  }

  /** What an operator would have printed to look into a fault. */
  async #debugOutputs(): Promise<readonly string[]> {
    const commands = [
      this.#deployment.serverCli("validate", "-config", this.#deployment.serverConfigPath),
      this.#deployment.serverCli("healthcheck", "-verbose"),
      this.#deployment.agentCli("healthcheck", "-verbose"),
      this.#deployment.serverCli("agent", "list", "-output", "json"),
      this.#deployment.serverCli("entry", "show", "-output", "json"),
    ];
    return (await Promise.all(commands)).flatMap(({ stdout, stderr }) => [stdout, stderr]);
  }

  #plugins(): readonly ProcessInfo[] {
    const { server, agent } = this.#deployment;
    return [server, agent].flatMap((daemon) => processTree(daemon?.pid ?? 0).slice(1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deployment[Symbol.asyncDispose]();
  }
}

function environmentOf({ pid }: ProcessInfo): readonly string[] {
  return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
}

function isOpen(plugin: ProcessInfo): boolean {
  return environmentOf(plugin).includes(`HOLDER=${open}`);
}

/** Its own, and the one at which the host serves it. */
function socketsOf(plugin: ProcessInfo): readonly string[] {
  const folder = environmentOf(plugin)
    .find((variable) => variable.startsWith("PLUGIN_UNIX_SOCKET_DIR="))
    ?.slice("PLUGIN_UNIX_SOCKET_DIR=".length);
  if (folder === undefined) throw new Error(`${plugin.command} was told of no folder for its socket`);
  const sockets = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isSocket())
    .map((entry) => join(entry.parentPath, entry.name));
  if (sockets.length !== 2) throw new Error(`${plugin.command} has ${sockets.length} sockets`);
  return sockets;
}

function recordPath(folder: string, name: string): string {
  return join(folder, `${name}.record`);
}

function serverPlugins(folder: string): string {
  const notifier = (name: string, mtls: boolean, word: string): string => `
  Notifier "${name}" {
    plugin_cmd = "${vendorPlugin}"
    plugin_args = ["server/Notifier"]
    plugin_mtls = ${mtls}
    plugin_env { HOLDER = "${name}" }
    plugin_data { record = "${recordPath(folder, name)}" word = "${word}" }
  }`;
  return `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }
  ${holders.map((name) => notifier(name, true, `secret+file:${folder}/secrets/${name}`)).join("")}
  ${notifier(open, false, "none")}`;
}
