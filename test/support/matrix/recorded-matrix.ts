import { X509Certificate } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Daemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import { Cell } from "./cell.ts";
import { callKeyManager } from "./key-manager-calls.ts";
import { addressOf, type PluginKind, pluginKinds, wordOf } from "./kind.ts";
import { isLogged, MatrixDeployment } from "./matrix-deployment.ts";
import type { MatrixHost } from "./matrix-host.ts";
import { launchKeys, type PluginLaunch, type PluginPrograms } from "./plugin-program.ts";
import { RecordFile } from "./record-file.ts";

/** What all plugins are called that this matrix loads. */
const pluginName = "matrix";
const metricsCalls = ["SetGauge", "EmitKey", "IncrCounter", "AddSample", "MeasureSince"];
/** Daemons ask for a key by its name only when they come back, if at all. */
const callableDirectly: ReadonlySet<string> = new Set(["GetPublicKey", "GetPublicKeys"]);
/** These are configured from files, which then change. */
const fromFiles: ReadonlySet<string> = new Set(["server/Notifier", "agent/SVIDStore"]);
const byReferenceWord = "by-reference";

export interface RecordedMatrixOptions {
  readonly host: MatrixHost;
  readonly programs: PluginPrograms;
  /** A plugin built with the first release of the sdk, of two types, loaded beside. */
  readonly old?: string;
  readonly say: (text: string) => void;
}

/** A plugin of each type in one host, in one language. */
export class RecordedMatrix {
  readonly cells: readonly Cell[];
  readonly #options: RecordedMatrixOptions;
  readonly #rows: readonly {
    readonly kind: PluginKind;
    readonly launch: PluginLaunch;
    readonly cell: Cell;
  }[];
  readonly #old: readonly Cell[];

  constructor(options: RecordedMatrixOptions) {
    this.#options = options;
    const { host, programs, old } = options;
    const cell = (title: string): Cell => new Cell({ host: host.name, language: programs.language, title });
    this.#rows = pluginKinds.map((kind) => ({
      kind,
      launch: programs.launch(kind),
      cell: cell(addressOf(kind)),
    }));
    this.#old = old === undefined ? [] : oldKinds.map((kind) => cell(`${addressOf(kind)}, sdk v1.0.0`));
    this.cells = [...this.#rows.map((row) => row.cell), ...this.#old];
  }

  /** Loads, uses and unloads them all. @throws what kept the daemons themselves from their work. */
  async run(): Promise<void> {
    const { host, programs, say } = this.#options;
    await using matrix = await MatrixDeployment.create(host, {
      server: (folder) => this.#blocks("server", folder),
      agent: (folder) => this.#blocks("agent", folder),
    });
    const { deployment } = matrix;
    const folder = deployment.folder;
    await checkValidation(matrix);
    const server = await deployment.startServer();
    let agent = await deployment.startAgent("");
    for (const { kind, launch, cell } of this.#rows) {
      const daemon = kind.side === "server" ? server : agent;
      await cell.check("load", () => this.#loaded(matrix, daemon, kind, launch, pluginName));
      await cell.check("configure", () => this.#configured(folder, kind, launch));
    }
    for (const [index, kind] of oldKinds.entries())
      await this.#old[index]?.check("load", () =>
        loadedInLog(kind.side === "server" ? server : agent, kind.type, "old"),
      );
    await this.#use(matrix);
    agent = await this.#returnAgent(matrix, agent);
    for (const { kind, launch, cell } of this.#rows)
      await cell.check("RPCs", () => this.#asked(folder, kind, launch));
    for (const [index, kind] of oldKinds.entries()) {
      const cell = this.#old[index];
      await cell?.check("configure", () => expectRpcs(recordOf(folder, kind, "old"), ["Configure"]));
      await cell?.check("RPCs", () => expectRpcs(recordOf(folder, kind, "old"), kind.rpcs));
    }
    await this.#reconfigure(matrix);
    say(
      `${host.name}, ${programs.language}: heard of changed files by SIGUSR1, and of refused ones kept the old`,
    );
    const ends = { agent: await matrix.end(agent), server: await matrix.end(server) };
    for (const { kind, launch, cell } of this.#rows)
      await cell.check("unload", () => this.#unloaded(matrix, kind, launch, ends[kind.side]()));
    for (const [index, kind] of oldKinds.entries())
      await this.#old[index]?.check("unload", () => {
        if (ends[kind.side]().includes("Failed to deinitialize plugin"))
          throw new Error("that it knows no Deinit was held against it");
        return "without Deinit";
      });
  }

  #blocks(side: "server" | "agent", folder: string): string {
    const rows = this.#rows.filter(({ kind }) => kind.side === side);
    const blocks = rows.map(({ kind, launch }) => {
      const data = launch.records ? this.#data(folder, kind) : "";
      return block(kind.type, pluginName, launchKeys(launch), data);
    });
    const attestor = rows.find(({ kind }) => kind.type === "WorkloadAttestor");
    if (attestor !== undefined) {
      const record = recordOf(folder, attestor.kind, byReferenceWord).path;
      const data = `plugin_data { record = "${record}" word = "${byReferenceWord}" by_reference = true }`;
      blocks.push(block("WorkloadAttestor", "by_reference", launchKeys(attestor.launch), data));
    }
    const { old } = this.#options;
    if (old !== undefined)
      for (const kind of oldKinds.filter((kind) => kind.side === side)) {
        const keys = launchKeys({ file: old, args: [addressOf(kind)] });
        blocks.push(
          block(kind.type, "old", keys, `plugin_data { record = "${recordOf(folder, kind, "old").path}" }`),
        );
      }
    return blocks.join("\n");
  }

  #data(folder: string, kind: PluginKind): string {
    const text = configText(folder, kind, wordOf(kind));
    if (!fromFiles.has(addressOf(kind))) return `plugin_data {\n${text}\n    }`;
    writeFileSync(configFile(folder, kind), text);
    return `plugin_data_file = "${configFile(folder, kind)}"`;
  }

  #loaded(
    matrix: MatrixDeployment,
    daemon: Daemon,
    kind: PluginKind,
    launch: PluginLaunch,
    name: string,
  ): string {
    const expected = [launch.file.split("/").at(-1), ...launch.args].join(" ");
    const processes = matrix.plugins(daemon);
    if (!processes.some(({ command }) => command.endsWith(expected)))
      throw new Error(`no process of the ${daemon.name} is ${expected}`);
    return loadedInLog(daemon, kind.type, name);
  }

  async #configured(folder: string, kind: PluginKind, launch: PluginLaunch): Promise<string> {
    if (!launch.records) return "takes none";
    const record = recordOf(folder, kind);
    const { trustDomain } = await record.wait(
      "its configuration",
      ({ event, word }) => event === "configure" && word === wordOf(kind),
    );
    if (trustDomain !== "example.org") throw new Error(`it was told of the trust domain ${trustDomain}`);
    for (const call of metricsCalls)
      await record.wait(
        `an answer to ${call}`,
        ({ event, name, code }) => event === "host" && name === call && code === "OK",
      );
    return `yes, ${metricsCalls.length} metrics`;
  }

  /** Does what makes the daemons ask each plugin all that it can be asked. */
  async #use(matrix: MatrixDeployment): Promise<void> {
    const { deployment } = matrix;
    const { folder } = deployment;
    const agentWord = wordOf({ side: "agent", type: "NodeAttestor" });
    const parent = `spiffe://example.org/spire/agent/${pluginName}/${agentWord}`;
    const workloadWord = wordOf({ side: "agent", type: "WorkloadAttestor" });
    const selectors = [
      `${pluginName}:word:${workloadWord}`,
      `by_reference:word:${byReferenceWord}`,
      ...(this.#options.old === undefined ? [] : ["old:age:old"]),
    ];
    const create = (path: string, these: readonly string[], ...flags: readonly string[]): Promise<string> =>
      deployment.serverCliOk(
        ...["entry", "create", "-parentID", parent, "-spiffeID", `spiffe://example.org${path}`],
        ...these.flatMap((selector) => ["-selector", selector]),
        ...flags,
      );
    await create("/workload", selectors);
    const stored = await create("/stored", [`${pluginName}:place:shelf`], "-storeSVID");
    const composed = wordOf({ side: "server", type: "CredentialComposer" });
    await eventually(() => checkX509Svid(deployment, composed), { timeoutMs: 40_000, everyMs: 250 });
    await checkJwtSvid(deployment, composed);

    const store = recordOf(folder, { side: "agent", type: "SVIDStore" });
    await store.waitForRpc("PutX509SVID", (id) => id === "spiffe://example.org/stored");
    const entryId = /Entry ID\s*: (\S+)/.exec(stored)?.[1] ?? "";
    await deployment.serverCliOk("entry", "delete", "-entryID", entryId);
    await store.waitForRpc("DeleteX509SVID");

    const upstream = recordOf(folder, { side: "server", type: "UpstreamAuthority" });
    await upstream.waitForRpc("SubscribeToLocalBundle");
    // The root the upstream authority told of afterwards.
    const notified = recordOf(folder, { side: "server", type: "Notifier" });
    await notified.waitForRpc("Notify", (name, roots) => name === "example.org" && roots === 2);
    const published = recordOf(folder, { side: "server", type: "BundlePublisher" });
    await published.waitForRpc("PublishBundle", (name, roots) => name === "example.org" && roots === 2);
  }

  /** The agent comes again without its SVID: the server knows it by then. */
  async #returnAgent(matrix: MatrixDeployment, agent: Daemon): Promise<Daemon> {
    await matrix.stop(agent);
    matrix.deployment.forgetAgent();
    return await matrix.deployment.restartAgent();
  }

  /** All RPCs of the contract, and what the host answered meanwhile. */
  async #asked(folder: string, kind: PluginKind, launch: PluginLaunch): Promise<string> {
    const record = recordOf(folder, kind);
    for (const [call, expected] of kind.hostCalls ?? [])
      await record.wait(
        `${expected} to ${call}`,
        ({ event, name, code }) =>
          event === "host" &&
          name === call &&
          code?.toUpperCase().replaceAll("_", "") === expected.toUpperCase(),
      );
    const asked = new Set([...record.rpcs, ...recordOf(folder, kind, byReferenceWord).rpcs]);
    const directly = kind.type === "KeyManager" ? await callKeyManager(launch, kind) : [];
    const lacking = kind.rpcs.filter((rpc) => !asked.has(rpc));
    const unasked = launch.records ? lacking.filter((rpc) => !callableDirectly.has(rpc)) : [];
    if (unasked.length > 0) throw new Error(`was never asked ${unasked.join(", ")}`);
    const missing = lacking.filter((rpc) => !directly.includes(rpc));
    if (missing.length > 0) throw new Error(`was never asked ${missing.join(", ")}`);
    const served = kind.rpcs.length - lacking.length;
    // Finial's own key managers write nothing down: that SVIDs are issued and shown says that they were used.
    if (!launch.records) return `used, ${directly.length} directly`;
    return lacking.length === 0 ? `${served}` : `${served} + ${lacking.length} directly`;
  }

  async #reconfigure({ deployment }: MatrixDeployment): Promise<void> {
    const { folder } = deployment;
    for (const kind of pluginKinds.filter((kind) => fromFiles.has(addressOf(kind)))) {
      const daemon = kind.side === "server" ? deployment.server : deployment.agent;
      const record = recordOf(folder, kind);
      writeFileSync(configFile(folder, kind), configText(folder, kind, "changed"));
      daemon?.child.kill("SIGUSR1");
      await record.wait(
        "the changed configuration",
        ({ event, word }) => event === "configure" && word === "changed",
      );
      writeFileSync(configFile(folder, kind), configText(folder, kind, ""));
      daemon?.child.kill("SIGUSR1");
      await eventually(
        async () => {
          if (!daemon?.log.includes("Failed to reconfigure plugin"))
            throw new Error(`the ${kind.side} does not say that ${kind.type} refused its configuration`);
        },
        { timeoutMs: 10_000 },
      );
    }
  }

  #unloaded(matrix: MatrixDeployment, kind: PluginKind, launch: PluginLaunch, log: string): string {
    const { leftovers, deployment } = matrix;
    if (leftovers.length > 0) throw new Error(`${leftovers.length} sockets are left behind`);
    if (!isLogged(log, "Plugin unloaded", kind.type, pluginName))
      throw new Error("the log does not say that it was unloaded");
    if (!launch.records) return "yes";
    const { events } = recordOf(deployment.folder, kind);
    if (events.at(-1)?.event !== "close") throw new Error("it was not told to close");
    return "yes, Deinit";
  }
}

/** What the first sdk had of these. */
const oldKinds: readonly PluginKind[] = [
  { side: "server", type: "Notifier", rpcs: ["Notify", "NotifyAndAdvise"] },
  { side: "agent", type: "WorkloadAttestor", rpcs: ["Attest"] },
];

/** A configuration that all plugins agree with, and one that one of them does not. */
async function checkValidation(matrix: MatrixDeployment): Promise<void> {
  const good = await matrix.validateServer();
  if (good.status !== 0)
    throw new Error(`the plugins refuse their configuration: ${good.stdout}${good.stderr}`);
  const bad = await matrix.validateServer((text) => text.replaceAll(/\bword = "[^"]*"/g, 'word = ""'));
  if (bad.status === 0 || !`${bad.stdout}${bad.stderr}`.includes("word is required"))
    throw new Error(`the server does not say what its plugins refuse: ${bad.stdout}${bad.stderr}`);
}

async function checkX509Svid(deployment: MatrixDeployment["deployment"], unit: string): Promise<void> {
  const folder = join(deployment.folder, "fetched");
  mkdirSync(folder, { recursive: true });
  const output = await deployment.agentCliOk("api", "fetch", "x509", "-output", "json");
  const { svids } = JSON.parse(output) as { readonly svids: readonly { readonly x509_svid: string }[] };
  const { subject } = new X509Certificate(Buffer.from(svids[0]?.x509_svid ?? "", "base64"));
  if (!subject.includes(`OU=${unit}`))
    throw new Error(`the X.509-SVID is not as it was composed: ${subject}`);
}

async function checkJwtSvid(deployment: MatrixDeployment["deployment"], word: string): Promise<void> {
  const output = await deployment.agentCliOk("api", "fetch", "jwt", "-audience", "matrix", "-output", "json");
  const token = /"svid":\s*"([^"]+)"/.exec(output)?.[1] ?? "";
  const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
  if (claims.word !== word)
    throw new Error(`the JWT-SVID is not as it was composed: ${JSON.stringify(claims)}`);
  await deployment.agentCliOk("api", "validate", "jwt", "-audience", "matrix", "-svid", token);
}

function expectRpcs(record: RecordFile, rpcs: readonly string[]): string {
  const missing = rpcs.filter((rpc) => !record.rpcs.has(rpc));
  if (missing.length > 0) throw new Error(`was never asked ${missing.join(", ")}`);
  return rpcs.length === 1 ? "yes" : `${rpcs.length}`;
}

function loadedInLog(daemon: Daemon, type: string, name: string): string {
  if (!isLogged(daemon.log, "Plugin loaded", type, name))
    throw new Error(`the ${daemon.name} does not say that it was loaded`);
  return "yes, checksum";
}

function block(type: string, name: string, keys: string, data: string): string {
  return `  ${type} "${name}" {\n    ${keys}\n    ${data}\n  }`;
}

function recordOf(folder: string, kind: Pick<PluginKind, "side" | "type">, suffix = ""): RecordFile {
  return new RecordFile(join(folder, `${wordOf(kind)}${suffix && `-${suffix}`}.jsonl`));
}

function configFile(folder: string, kind: PluginKind): string {
  return join(folder, `${wordOf(kind)}.hcl`);
}

function configText(folder: string, kind: PluginKind, word: string): string {
  return `      record = "${recordOf(folder, kind).path}"\n      word = "${word}"`;
}
