import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Canary, huntFor } from "../support/canary.ts";
import type { Finished } from "../support/child.ts";
import { Deployment } from "../support/deployment.ts";
import { eventually } from "../support/eventually.ts";
import { RecordFile } from "../support/matrix/record-file.ts";
import { processTree } from "../support/processes.ts";
import type { Scenario, ScenarioContext } from "../support/scenario.ts";

const vendorPlugin = join(import.meta.dirname, "..", "plugin", "dist", "plugin.mjs");
const isRoot = process.geteuid?.() === 0;

export const scenario: Scenario = {
  title:
    "secrets by reference reach the plugin they are for, are refused where others could change them, are followed at SIGUSR1, and are found nowhere else",
  quick: true,
  async run(context) {
    await using stage = await Stage.set();
    await stage.giveSecrets(context);
    await stage.followRotation(context);
    await stage.keepOldWhenRefused(context);
    const refusals = await stage.refuseUntrusted(context);
    const descriptors = stage.compareDescriptors(context);
    const figure = stage.hunt(context);
    return `3 forms given and rotated, ${refusals} refusals, ${descriptors} descriptors of plugins all their own; ${figure}`;
  },
};

/** A reference that is not followed, and why. */
interface Refusal {
  readonly what: string;
  readonly reference: string;
  readonly sentence: string;
}

/** Notifiers in the server, each with its secret in another place. They log it, as careless plugins do. */
const forms = ["file", "env", "exec", "datafile"] as const;
type Form = (typeof forms)[number];

class Stage implements AsyncDisposable {
  readonly #deployment: Deployment;
  readonly #folder: string;
  readonly #canaries: Canary[] = [];
  /** Where each canary was put on purpose. */
  readonly #addressed = new Map<string, string[]>();
  readonly #outputs: string[] = [];

  private constructor(deployment: Deployment) {
    this.#deployment = deployment;
    this.#folder = join(deployment.folder, "secrets");
  }

  static async set(): Promise<Stage> {
    const inEnvironment = new Canary("of the daemon's environment");
    const deployment = await Deployment.create({
      serverPlugins,
      env: { ...process.env, FINIAL_TEST_SECRET: inEnvironment.value, FINIAL_TEST_NAMED: "named" },
    });
    const stage = new Stage(deployment);
    stage.#canaries.push(inEnvironment);
    mkdirSync(stage.#folder, { mode: 0o700 });
    return stage;
  }

  #recordOf(form: Form): RecordFile {
    return new RecordFile(join(this.#deployment.folder, `${form}.record`));
  }

  /** A new secret in a file, which takes the place of the old one at once. */
  #put(name: string): Canary {
    const canary = new Canary(name);
    const path = join(this.#folder, name);
    writeFileSync(`${path}.new`, `${canary.value}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    this.#canaries.push(canary);
    // Of an older one nothing is left there.
    this.#addressed.set(canary.name, [path]);
    return canary;
  }

  async #serverCli(...args: readonly string[]): Promise<Finished> {
    const finished = await this.#deployment.serverCli(...args);
    this.#outputs.push(finished.stdout, finished.stderr);
    return finished;
  }

  async #agentCli(...args: readonly string[]): Promise<Finished> {
    const finished = await this.#deployment.agentCli(...args);
    this.#outputs.push(finished.stdout, finished.stderr);
    return finished;
  }

  #validate(config: string, ...flags: readonly string[]): Promise<Finished> {
    return this.#serverCli("validate", "-config", config, ...flags);
  }

  async giveSecrets({ step, say }: ScenarioContext): Promise<void> {
    const given: Record<Form, Canary | undefined> = {
      file: this.#put("file"),
      exec: this.#put("exec"),
      datafile: this.#put("datafile"),
      env: this.#canaries[0],
    };
    const inEnvironment = this.#put("environment");
    const program = join(this.#folder, "read-secret");
    writeFileSync(program, '#!/bin/sh\necho "reading $1" >&2\ncat "$1"\n', { mode: 0o700 });
    writeFileSync(
      join(this.#deployment.folder, "datafile.conf"),
      `record = "${this.#recordOf("datafile").path}"\nword = "secret+file:${this.#folder}/datafile"\n`,
      { mode: 0o600 },
    );
    const valid = await this.#validate(this.#deployment.serverConfigPath, "-expandEnv");
    // The variable is the daemon's, not this process's.
    requireText(valid.stderr, "secret+env:FINIAL_TEST_SECRET: the daemon's environment has no such variable");
    const server = await this.#deployment.startServer();
    for (const form of forms) {
      const event = await this.#recordOf(form).wait("configure", ({ event }) => event === "configure");
      if (event.word !== given[form]?.value) throw new Error(`${form} was configured with ${event.word}`);
      say(`${form}: the plugin has the secret`);
    }
    const environments = processTree(server.pid).map(({ pid, command }) => ({
      command,
      environment: readFileSync(`/proc/${pid}/environ`, "utf8").split("\0"),
    }));
    const withCanary = environments.filter(({ environment }) =>
      environment.includes(`TOKEN=${inEnvironment.value}`),
    );
    const named = environments.filter(({ environment }) => environment.includes("FINIAL_TEST_NAMED=named"));
    if (withCanary.length !== 1) throw new Error(`${withCanary.length} processes have the secret variable`);
    // The daemon, whose it is, and the one plugin that names it.
    if (named.length !== 2)
      throw new Error(`${named.length} processes have the variable that one plugin names`);
    step("each form resolves: in plugin_data, in a plugin_data_file, and in the environment of one plugin");
  }

  async followRotation({ step, say }: ScenarioContext): Promise<void> {
    const pids = this.#pids();
    const rotated = { file: this.#put("file"), exec: this.#put("exec"), datafile: this.#put("datafile") };
    this.#reload();
    for (const form of ["file", "exec", "datafile"] as const) {
      await this.#recordOf(form).wait("the new secret", ({ word }) => word === rotated[form].value, 10_000);
      say(`${form}: configured again`);
    }
    await this.#waitForLog(/secrets_changed=true/);
    if (this.#pids() !== pids) throw new Error(`there were ${pids}, and now there are ${this.#pids()}`);
    if (this.#deployment.server?.log.includes("Debugger listening"))
      throw new Error("SIGUSR1 had a process open a debugger's port");
    step("at SIGUSR1 rotated secrets are given to their plugins, and to no other");
    const again = this.#recordOf("env").events.filter(({ event }) => event === "configure").length;
    if (again !== 1) throw new Error(`the plugin whose secret stayed was configured ${again} times`);
  }

  async keepOldWhenRefused({ step }: ScenarioContext): Promise<void> {
    this.#put("file");
    const path = join(this.#folder, "file");
    chmodSync(path, 0o666);
    this.#reload();
    await this.#waitForLog(/Failed to reconfigure plugin.*can be written by everyone \(mode 0666\)/);
    const after = this.#recordOf("file").events.filter(({ event }) => event === "configure").length;
    if (after !== 2)
      throw new Error(`the plugin was configured ${after} times, although its file is not trusted`);
    const health = await this.#serverCli("healthcheck");
    if (health.status !== 0) throw new Error(`the server is not well: ${health.stderr}`);
    chmodSync(path, 0o600);
    step(
      "a file that became writable for others is refused at SIGUSR1, and the plugin goes on with what it has",
    );
  }

  /** @returns how many. */
  async refuseUntrusted({ step, say }: ScenarioContext): Promise<number> {
    const { folder } = this.#deployment;
    const cases = this.#untrusted();
    const agentConfig = join(folder, "untrusted-agent.conf");
    for (const { what, reference, sentence } of cases) {
      writeFileSync(agentConfig, untrustedAgent(folder, reference), { mode: 0o600 });
      const { status, stderr } = await this.#agentCli("validate", "-config", agentConfig);
      if (status !== 1) throw new Error(`${what} was not refused`);
      requireText(stderr, `${agentConfig}:9:49: `, sentence);
      say(`${what}: ${sentence.replaceAll(`${folder}/`, "")}`);
    }
    const [{ reference, sentence }] = cases;
    const config = join(folder, "untrusted.conf");
    writeFileSync(config, untrustedServer(folder, reference), { mode: 0o600 });
    const refused = await this.#validate(config);
    requireText(refused.stderr, `${config}:14:26: `, sentence);
    const skipped = await this.#validate(config, "-skipSecrets");
    if (skipped.status !== 0) throw new Error(`-skipSecrets was refused: ${skipped.stderr}`);
    const started = await this.#serverCli("run", "-config", config);
    if (started.status !== 1) throw new Error("the server started with a secret that is not to be trusted");
    requireText(started.stdout, sentence);
    step(
      `${cases.length} references are refused by validate, each with its sentence, and one by the server at its start`,
    );
    return cases.length + 2;
  }

  #untrusted(): readonly [Refusal, ...Refusal[]] {
    const should = 'nobody but its owner should be able to, as with "chmod go-w"';
    const file = (name: string, mode: number): string => {
      this.#put(name);
      chmodSync(join(this.#folder, name), mode);
      return join(this.#folder, name);
    };
    const writable = file("world-writable", 0o666);
    const ofGroup = file("group-writable", 0o660);
    const openFolder = join(this.#folder, "open");
    mkdirSync(openFolder);
    chmodSync(openFolder, 0o777);
    renameSync(file("in-open", 0o600), join(openFolder, "secret"));
    this.#addressed.set("in-open", [join(openFolder, "secret")]);
    const link = join(this.#folder, "link");
    symlinkSync(join(openFolder, "secret"), link);
    const program = join(this.#folder, "anybodys-program");
    writeFileSync(program, "#!/bin/sh\necho never\n");
    chmodSync(program, 0o777);
    const failing = join(this.#folder, "failing-program");
    const last = this.#put("said-by-a-program");
    writeFileSync(failing, `#!/bin/sh\necho '${last.value}' >&2\necho '${last.value}'\nexit 7\n`, {
      mode: 0o700,
    });
    this.#addressed.set(last.name, [join(this.#folder, last.name), failing]);
    const foreign = file("of-somebody-else", 0o600);
    if (isRoot) chownSync(foreign, 12_345, 12_345);
    return [
      {
        what: "a file that everyone can write",
        reference: `secret+file:${writable}`,
        sentence: `${writable} can be written by everyone (mode 0666); ${should}`,
      },
      {
        what: "a file that its group can write",
        reference: `secret+file:${ofGroup}`,
        sentence: `${ofGroup} can be written by its group (mode 0660); ${should}`,
      },
      {
        what: "a file in a folder that everyone can write",
        reference: `secret+file:${openFolder}/secret`,
        sentence: `the folder ${openFolder} can be written by everyone (mode 0777); ${should}`,
      },
      {
        what: "a link into such a folder",
        reference: `secret+file:${link}`,
        sentence: `the folder ${openFolder} can be written by everyone (mode 0777); ${should}`,
      },
      // Only root can give a file to somebody else.
      ...(isRoot
        ? [
            {
              what: "a file of another user",
              reference: `secret+file:${foreign}`,
              sentence: `${foreign} belongs to uid 12345; it should belong to root`,
            },
          ]
        : []),
      {
        what: "a program that everyone can write",
        reference: `secret+exec:${program}`,
        sentence: `${program} can be written by everyone (mode 0777); ${should}`,
      },
      {
        what: "a program that fails",
        reference: `secret+exec:${failing} argument`,
        sentence: `secret+exec:${failing}: ended with exit status 7 (${last.value.length + 1} bytes on its standard error are not shown)`,
      },
      {
        what: "a file that is not there",
        reference: `secret+file:${this.#folder}/none`,
        sentence: `${this.#folder}/none: no such file or directory`,
      },
      {
        what: "a variable that is not there",
        reference: "secret+env:FINIAL_TEST_NONE",
        sentence: "secret+env:FINIAL_TEST_NONE: the daemon's environment has no such variable",
      },
      {
        what: "a word that is none of the three",
        reference: "secret+flie:/x",
        sentence: "secret+flie: is no way to a secret; there are secret+file:, secret+env: and secret+exec:",
      },
    ];
  }

  /** @returns how many descriptors of plugins were compared. */
  compareDescriptors({ step }: ScenarioContext): number {
    const [daemon, ...plugins] = processTree(this.#deployment.server?.pid ?? 0);
    if (daemon === undefined || plugins.length < forms.length) throw new Error("the server has no plugins");
    const ofDaemon = new Set(descriptorsOf(daemon.pid).map(({ target }) => target));
    let count = 0;
    for (const { pid, command } of plugins)
      for (const { descriptor, target } of descriptorsOf(pid)) {
        count++;
        if (ofDaemon.has(target))
          throw new Error(`${command} has ${target} as ${descriptor}, as the daemon does`);
      }
    step("no plugin has a file, pipe or socket of the daemon's");
    return count;
  }

  /** @returns the figure. */
  hunt({ step, say }: ScenarioContext): string {
    const { folder, server } = this.#deployment;
    const tree = processTree(server?.pid ?? 0);
    const plugin = tree.find(({ pid }) =>
      readFileSync(`/proc/${pid}/environ`, "utf8").includes("TOKEN=canary-"),
    );
    this.#address("of the daemon's environment", `/proc/${server?.pid}/environ`);
    this.#address("environment", `/proc/${plugin?.pid}/environ`);
    // What the plugins write down is their own affair.
    const records = forms.map((form) => this.#recordOf(form).path);
    const hunt = huntFor(this.#canaries, { folders: [folder], outputs: this.#outputs });
    const escaped = hunt.sightings.filter(
      ({ canary, where }) => !records.includes(where) && !this.#addressed.get(canary)?.includes(where),
    );
    if (escaped.length > 0)
      throw new Error(`found: ${escaped.map(({ canary, where }) => `${canary} in ${where}`).join(", ")}`);
    // A hunter that finds nothing has to show that it can find something.
    const atHome = hunt.sightings.filter(({ canary, where }) => this.#addressed.get(canary)?.includes(where));
    if (atHome.length < this.#addressed.size)
      throw new Error(`only ${atHome.length} canaries were found where they are`);
    if (!server?.log.includes('word="[secret]"')) throw new Error("no plugin logged its secret");
    say(
      `the plugins logged their secrets ${server.log.split("[secret]").length - 1} times; [secret] is what is in the log`,
    );
    step("of all secrets, those before the rotation too, none is where it was not put");
    return `${this.#canaries.length} canaries looked for in ${hunt.environments} environments, ${hunt.commandLines} command lines, ${hunt.files} files with the logs and ${hunt.outputs} outputs of commands: 0 found but where they were put`;
  }

  #address(canary: string, where: string): void {
    this.#addressed.set(canary, [...(this.#addressed.get(canary) ?? []), where]);
  }

  /** To the plugins' processes, too, as service managers do it: the signal is none of theirs. */
  #reload(): void {
    for (const { pid } of processTree(this.#deployment.server?.pid ?? 0)) process.kill(pid, "SIGUSR1");
  }

  #pids(): string {
    return processTree(this.#deployment.server?.pid ?? 0)
      .map(({ pid }) => pid)
      .join(" ");
  }

  async #waitForLog(pattern: RegExp): Promise<void> {
    await eventually(
      async () => {
        if (!pattern.test(this.#deployment.server?.log ?? "")) throw new Error(`not in the log: ${pattern}`);
      },
      { timeoutMs: 10_000 },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#deployment[Symbol.asyncDispose]();
  }
}

function serverPlugins(folder: string): string {
  const notifier = (form: Form, config: string, more = ""): string => `
  Notifier "by_${form}" {
    plugin_cmd = "${vendorPlugin}"
    plugin_args = ["server/Notifier"]
    ${config}
    ${more}
  }`;
  const data = (form: Form, word: string): string =>
    `plugin_data { record = "${folder}/${form}.record" word = "${word}" }`;
  const secrets = `${folder}/secrets`;
  return `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }
  KeyManager "disk" { plugin_data { keys_path = "${folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }
  ${notifier("file", data("file", `secret+file:${secrets}/file`), 'plugin_env = ["FINIAL_TEST_NAMED"]')}
  ${notifier("env", data("env", "secret+env:FINIAL_TEST_SECRET"))}
  ${notifier("exec", data("exec", `secret+exec:${secrets}/read-secret ${secrets}/exec`))}
  ${notifier("datafile", `plugin_data_file = "${folder}/datafile.conf"`, `plugin_env { TOKEN = "secret+file:${secrets}/environment" }`)}`;
}

function untrustedServer(folder: string, reference: string): string {
  return `server {
  trust_domain = "example.org"
  data_dir = "${folder}/untrusted"
  socket_path = "${folder}/untrusted.sock"
}
plugins {
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/untrusted.sqlite3" }
  }
  KeyManager "memory" {}
  Notifier "matrix" {
    plugin_cmd = "${vendorPlugin}"
    plugin_args = ["server/Notifier"]
    plugin_data { word = "${reference}" }
  }
}
`;
}

function untrustedAgent(folder: string, reference: string): string {
  return `agent {
  trust_domain = "example.org"
  data_dir = "${folder}/untrusted-agent"
  server_address = "127.0.0.1"
  server_port = 8081
  insecure_bootstrap = true
}
plugins {
  KeyManager "disk" { plugin_data { directory = "${reference}" } }
}
`;
}

/** What another process could have, too: files, pipes and sockets, by what they are. */
function descriptorsOf(pid: number): readonly { readonly descriptor: string; readonly target: string }[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder)
    .map((descriptor) => ({ descriptor, target: readlinkSync(join(folder, descriptor)) }))
    .filter(({ target }) => /^(socket|pipe):|^\//.test(target) && !target.startsWith("/dev/"));
}

function requireText(said: string, ...wanted: readonly string[]): void {
  for (const each of wanted)
    if (!said.replaceAll('\\"', '"').includes(each)) throw new Error(`expected "${each}", but: ${said}`);
}
