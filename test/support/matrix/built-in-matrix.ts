import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { UpstreamAuthorityDefinition } from "@finial/proto/plugin/server/upstreamauthority/v1/upstreamauthority";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { Code, StatusError } from "@finial/sdk";
import { Certificate, keyUsageExtension, PublicKey, toPem } from "@finial/sdk/crypto";
import { createClient } from "@finial/sdk/internal";
import { type TestCa, testCa } from "@finial/sdk/testing";
import type { Daemon } from "../daemon.ts";
import { eventually } from "../eventually.ts";
import { startPluginProcess } from "../plugin-process.ts";
import { Cell } from "./cell.ts";
import { callKeyManager } from "./key-manager-calls.ts";
import type { PluginKind } from "./kind.ts";
import { isLogged, MatrixDeployment } from "./matrix-deployment.ts";
import type { MatrixHost } from "./matrix-host.ts";
import { builtIn, launchKeys } from "./plugin-program.ts";

/** One of Finial's own, as a stranger would have it loaded. */
interface BuiltIn extends Pick<PluginKind, "side" | "type"> {
  readonly name: string;
  /** The body of its `plugin_data`. @param folder of the deployment. */
  readonly data: (folder: string) => string;
  /** Shows that each RPC did what it should. @returns how many there were, in words. */
  readonly asked: (matrix: BuiltInMatrix) => Promise<string>;
}

const uid = `unix:uid:${process.getuid?.()}`;

/** Finial's own plugins in one host, each by `plugin_cmd` and `plugin_checksum`. */
export class BuiltInMatrix {
  readonly cells: readonly Cell[];
  readonly #host: MatrixHost;
  readonly #rows: readonly { readonly plugin: BuiltIn; readonly cell: Cell }[];
  readonly #refused: readonly Cell[];
  #matrix: MatrixDeployment | undefined;
  /** Of nodes, and of the trust domain. */
  #ca: TestCa | undefined;

  constructor(host: MatrixHost) {
    this.#host = host;
    const cell = (title: string): Cell => new Cell({ host: host.name, language: "Finial's own", title });
    const plugins = host.name === "Finial" ? [...builtIns, dataStore] : builtIns;
    this.#rows = plugins.map((plugin) => ({
      plugin,
      cell: cell(`${plugin.side}/${plugin.type} ${plugin.name}`),
    }));
    this.#refused = ["server", "agent"].map((side) => cell(`${side}/NodeAttestor join_token`));
    this.cells = [...this.#rows.map((row) => row.cell), ...this.#refused];
  }

  get matrix(): MatrixDeployment {
    if (this.#matrix === undefined) throw new TypeError("nothing is deployed");
    return this.#matrix;
  }

  get ca(): TestCa {
    if (this.#ca === undefined) throw new TypeError("there is no CA yet");
    return this.#ca;
  }

  /** Loads, uses and unloads them all. @throws what kept the daemons themselves from their work. */
  async run(): Promise<void> {
    const ca = await testCa();
    this.#ca = ca;
    const store = this.#rows.find(({ plugin }) => plugin === dataStore);
    await using matrix = await MatrixDeployment.create(
      this.#host,
      {
        server: (folder) => this.#blocks("server", folder),
        agent: (folder) => this.#blocks("agent", folder),
      },
      { ...(store && { dataStore: (folder) => blockOf(dataStore, folder) }) },
    );
    this.#matrix = matrix;
    const { deployment } = matrix;
    await writeFiles(ca, deployment.folder);
    await this.#refuseJoinToken();
    await this.#refuseUnknownKeys();
    let server = await deployment.startServer();
    const agent = await deployment.startAgent("");
    for (const { plugin, cell } of this.#rows) {
      const daemon = plugin.side === "server" ? server : agent;
      const count = this.#rows.filter((row) => row.plugin.side === plugin.side).length;
      await cell.check("load", () => loaded(matrix, daemon, plugin, count));
      await cell.check("configure", () => configured(daemon, plugin));
    }
    const [row] = this.#rows;
    await row?.cell.check("RPCs", () => row.plugin.asked(this));
    // Keys and store have to be what they were.
    server = deployment.server ?? server;
    for (const { plugin, cell } of this.#rows.slice(1)) await cell.check("RPCs", () => plugin.asked(this));
    const ends = { agent: await matrix.end(agent), server: await matrix.end(server) };
    for (const { plugin, cell } of this.#rows)
      await cell.check("unload", () => {
        const log = ends[plugin.side]();
        if (matrix.leftovers.length > 0)
          throw new Error(`${matrix.leftovers.length} sockets are left behind`);
        if (!isLogged(log, "Plugin unloaded", plugin.type, plugin.name))
          throw new Error("the log does not say that it was unloaded");
        return "yes";
      });
  }

  #blocks(side: "server" | "agent", folder: string): string {
    return this.#rows
      .filter(({ plugin }) => plugin.side === side && plugin !== dataStore)
      .map(({ plugin }) => `  ${blockOf(plugin, folder)}`)
      .join("\n");
  }

  /** Both hosts keep this name for what they have themselves: there is nothing for a plugin from outside to do. */
  async #refuseJoinToken(): Promise<void> {
    const sentence = "the built-in join_token node attestor cannot be overridden by an external plugin";
    const { deployment } = this.matrix;
    for (const [index, side] of (["server", "agent"] as const).entries()) {
      const cell = this.#refused[index];
      await cell?.check("load", async () => {
        const keys = launchKeys(builtIn(`${side}/nodeattestor/join_token`));
        const block = `plugins {\n  NodeAttestor "join_token" {\n    ${keys}\n    plugin_data {}\n  }`;
        const text = side === "server" ? deployment.serverConfigText : deployment.agentConfigText("");
        const others = side === "server" ? text : text.replace(/\n {2}NodeAttestor [\s\S]*?\n {2}\}/, "");
        const path = join(deployment.folder, `join-token-${side}.conf`);
        writeFileSync(path, others.replace("plugins {", block));
        const { status, stdout, stderr } = await this.matrix.runDaemon(side, path);
        if (status === 0 || !`${stdout}${stderr}`.includes(sentence))
          throw new Error(`the ${side} does not refuse it: ${`${stdout}${stderr}`.slice(-1000)}`);
        return "refused: a built-in's";
      });
      cell?.refuse();
    }
  }

  async #refuseUnknownKeys(): Promise<void> {
    const bad = await this.matrix.validateServer((text) =>
      text.replaceAll("plugin_data {\n", "plugin_data {\n no_such_key = 1\n"),
    );
    if (bad.status === 0 || !`${bad.stdout}${bad.stderr}`.includes("no_such_key"))
      throw new Error(`the server does not say what its plugins refuse: ${bad.stdout}${bad.stderr}`);
  }
}

const builtIns: readonly BuiltIn[] = [
  {
    side: "server",
    type: "KeyManager",
    name: "disk",
    data: (folder) => `keys_path = "${folder}/keys.json"`,
    asked: async ({ matrix }) => {
      const { deployment } = matrix;
      const before = await mintedIssuer(matrix);
      if (deployment.server !== undefined) await matrix.stop(deployment.server);
      await deployment.startServer();
      if ((await mintedIssuer(matrix)) !== before) throw new Error("after a restart another key signs");
      const keysPath = join(deployment.folder, "other-keys.json");
      const launch = builtIn("server/keymanager/disk");
      const rpcs = await callKeyManager(
        launch,
        { side: "server", type: "KeyManager" },
        `keys_path = "${keysPath}"`,
      );
      return `used over a restart, ${rpcs.length} directly`;
    },
  },
  {
    side: "server",
    type: "NodeAttestor",
    name: "x509pop",
    data: (folder) => `ca_bundle_path = "${folder}/ca.pem"`,
    asked: ({ matrix }) => attestedByX509pop(matrix),
  },
  {
    side: "server",
    type: "UpstreamAuthority",
    name: "disk",
    data: (folder) => `cert_file_path = "${folder}/ca.pem"\n      key_file_path = "${folder}/ca.key"`,
    asked: async ({ matrix, ca }) => {
      const bundle = await matrix.deployment.serverCliOk("bundle", "show");
      if (!new X509Certificate(bundle).raw.equals(ca.rootDer)) throw new Error("the bundle has another root");
      return `1, ${await refusedByUpstreamDisk(matrix.deployment.folder)} unimplemented`;
    },
  },
  {
    side: "agent",
    type: "KeyManager",
    name: "disk",
    data: (folder) => `directory = "${folder}/agent"`,
    asked: async ({ matrix }) => {
      const { folder } = matrix.deployment;
      if (!readFileSync(join(folder, "agent", "keys.json"), "utf8").includes("agent-svid-A"))
        throw new Error("the agent's key is not there");
      const launch = builtIn("agent/keymanager/disk");
      const rpcs = await callKeyManager(
        launch,
        { side: "agent", type: "KeyManager" },
        `directory = "${mkdtempSync(join(folder, "keys-"))}"`,
      );
      return `used, ${rpcs.length} directly`;
    },
  },
  {
    side: "agent",
    type: "NodeAttestor",
    name: "x509pop",
    data: (folder) =>
      `certificate_path = "${folder}/node.pem"\n      private_key_path = "${folder}/node.key"`,
    asked: ({ matrix }) => attestedByX509pop(matrix),
  },
  {
    side: "agent",
    type: "WorkloadAttestor",
    name: "unix",
    data: () => "",
    asked: async ({ matrix: { deployment } }) => {
      const [agent] = await listAgents(deployment);
      await deployment.serverCliOk(
        ...["entry", "create", "-parentID", `spiffe://example.org${agent?.id.path}`],
        ...["-spiffeID", "spiffe://example.org/workload", "-selector", uid],
      );
      await eventually(() => deployment.agentCliOk("api", "fetch", "x509"), {
        timeoutMs: 30_000,
        everyMs: 250,
      });
      return "1";
    },
  },
];

/** SPIRE has but its own, in its own process. */
const dataStore: BuiltIn = {
  side: "server",
  type: "DataStore",
  name: "sql",
  data: (folder) => `database_type = "sqlite3"\n      connection_string = "${folder}/datastore.sqlite3"`,
  asked: async ({ matrix: { deployment } }) => {
    const entries = await deployment.serverCliOk("entry", "show");
    if (!entries.includes("spiffe://example.org/workload")) throw new Error("what was stored is not there");
    return "all of the above";
  },
};

function blockOf(plugin: BuiltIn, folder: string): string {
  const { side, type, name, data } = plugin;
  const keys = launchKeys(builtIn(`${side}/${type.toLowerCase()}/${name}`));
  return `${type} "${name}" {\n    ${keys}\n    plugin_data {\n      ${data(folder)}\n    }\n  }`;
}

/** The CA's, as the trust domain's upstream and as the nodes'; and a node's. */
async function writeFiles(ca: TestCa, folder: string): Promise<void> {
  writeFileSync(join(folder, "ca.pem"), ca.rootPem);
  writeFileSync(join(folder, "ca.key"), ca.privateKey.export({ format: "pem", type: "pkcs8" }));
  const { privateKey } = await ca.x509Svid("/unused");
  const der = await ca.certify(PublicKey.of(privateKey), {
    subject: { commonName: "node" },
    extensions: [keyUsageExtension(["digitalSignature"])],
  });
  writeFileSync(join(folder, "node.pem"), toPem("CERTIFICATE", der));
  writeFileSync(join(folder, "node.key"), privateKey.export({ format: "pem", type: "pkcs8" }));
}

/** All of them are launched from files of the same name: what tells that each is at work is how many there are. */
function loaded(matrix: MatrixDeployment, daemon: Daemon, { type, name }: BuiltIn, count: number): string {
  const processes = matrix.plugins(daemon).filter(({ command }) => command.includes("/plugin.mjs"));
  if (processes.length < count)
    throw new Error(`only ${processes.length} of ${count} plugins of the ${daemon.name} have a process`);
  if (!isLogged(daemon.log, "Plugin loaded", type, name))
    throw new Error(`the ${daemon.name} does not say that it was loaded`);
  return "yes, checksum";
}

function configured(daemon: Daemon, { type, name }: BuiltIn): string {
  if (!isLogged(daemon.log, "Configured plugin", type, name))
    throw new Error(`the ${daemon.name} does not say that it was configured`);
  return "yes";
}

/** What the authority that signs now is known by. */
async function mintedIssuer({ deployment }: MatrixDeployment): Promise<string> {
  const spiffeId = `spiffe://${deployment.trustDomain}/minted`;
  await deployment.serverCliOk("x509", "mint", "-spiffeID", spiffeId, "-write", deployment.folder);
  const { raw } = new X509Certificate(readFileSync(join(deployment.folder, "svid.pem")));
  return Certificate.parse(raw).authorityKeyId?.toString("hex") ?? "";
}

interface ListedAgent {
  readonly id: { readonly path: string };
  readonly attestation_type?: string;
}

async function listAgents(deployment: MatrixDeployment["deployment"]): Promise<readonly ListedAgent[]> {
  const output = await deployment.serverCliOk("agent", "list", "-output", "json");
  return (JSON.parse(output) as { readonly agents?: readonly ListedAgent[] }).agents ?? [];
}

async function attestedByX509pop({ deployment }: MatrixDeployment): Promise<string> {
  const [agent] = await listAgents(deployment);
  if (!agent?.id.path.startsWith("/spire/agent/x509pop/")) throw new Error(`the agent is ${agent?.id.path}`);
  return "1, with a challenge";
}

/** A CA in files has nobody to tell of JWT keys, and nothing new to tell. */
async function refusedByUpstreamDisk(folder: string): Promise<number> {
  const { file } = builtIn("server/upstreamauthority/disk");
  await using plugin = await startPluginProcess(file, "UpstreamAuthority", { log: "ignore" });
  await createClient(ConfigDefinition, plugin.channel).configure({
    coreConfiguration: { trustDomain: "example.org" },
    hclConfiguration: `cert_file_path = "${folder}/ca.pem"\nkey_file_path = "${folder}/ca.key"`,
  });
  const client = createClient(UpstreamAuthorityDefinition, plugin.channel);
  const calls = [client.publishJWTKeyAndSubscribe({}), client.subscribeToLocalBundle({})];
  for (const call of calls) {
    const answer = await Array.fromAsync(call).then(
      () => Code.Ok,
      (error: unknown) => StatusError.from(error).code,
    );
    if (answer !== Code.Unimplemented) throw new Error(`a CA in files answers with code ${answer}`);
  }
  await plugin.shutdown();
  return calls.length;
}
