import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { finialCommand } from "./binaries.ts";
import { type Finished, runCommand } from "./child.ts";
import { Daemon } from "./daemon.ts";
import { eventually } from "./eventually.ts";
import { onInterruption } from "./interruption.ts";
import { freePort } from "./ports.ts";

export interface DeploymentOptions {
  /** Lines for the server block, after the ones every deployment has. */
  readonly server?: string;
  /** Replaces the server's plugins block. */
  readonly serverPlugins?: (folder: string) => string;
  /** Lines for the agent block. */
  readonly agent?: string;
  /** Replaces the agent's plugins block; the folder is the agent's. */
  readonly agentPlugins?: (folder: string) => string;
  /** What the daemons are run as; Finial's own programs unless said. */
  readonly serverCommand?: readonly string[];
  readonly agentCommand?: readonly string[];
  readonly trustDomain?: string;
  /** Of both daemons; DEBUG unless said. */
  readonly logLevel?: string;
  /** Of both daemons, in place of this process's own. */
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * A server and an agent in a private folder, from HCL files, as real processes on loopback and unix sockets.
 * Everything is gone when it is disposed of.
 */
export class Deployment implements AsyncDisposable {
  readonly folder: string;
  readonly trustDomain: string;
  readonly serverPort: number;
  readonly #options: DeploymentOptions;
  readonly #forget: () => void;
  #disposed = false;
  server: Daemon | undefined;
  agent: Daemon | undefined;

  private constructor(folder: string, serverPort: number, options: DeploymentOptions) {
    this.folder = folder;
    this.serverPort = serverPort;
    this.trustDomain = options.trustDomain ?? "example.org";
    this.#options = options;
    this.#forget = onInterruption(() => this[Symbol.asyncDispose]());
  }

  /** Writes the files; starts nothing. */
  static async create(options: DeploymentOptions = {}): Promise<Deployment> {
    const folder = mkdtempSync(join(tmpdir(), "finial-"));
    const deployment = new Deployment(folder, await freePort(), options);
    writeFileSync(deployment.serverConfigPath, deployment.serverConfigText);
    return deployment;
  }

  get serverConfigPath(): string {
    return join(this.folder, "server.conf");
  }
  get agentConfigPath(): string {
    return join(this.folder, "agent.conf");
  }
  /** The agent's data: it names its files as the server does. */
  get agentFolder(): string {
    return join(this.folder, "agent");
  }
  get serverSocket(): string {
    return join(this.folder, "server.sock");
  }
  get workloadSocket(): string {
    return join(this.folder, "workload.sock");
  }
  get #serverCommand(): readonly string[] {
    return this.#options.serverCommand ?? finialCommand("finial-server");
  }
  get #agentCommand(): readonly string[] {
    return this.#options.agentCommand ?? finialCommand("finial-agent");
  }

  /** Starts the server, with these flags besides, and waits for nothing. */
  launchServer(flags: readonly string[] = []): Daemon {
    const command = [...this.#serverCommand, "run", "-config", this.serverConfigPath, ...flags];
    this.server = this.#start("server", command);
    return this.server;
  }

  /** Starts the server and waits until its health check says it is ready. */
  async startServer(flags: readonly string[] = []): Promise<Daemon> {
    const daemon = this.launchServer(flags);
    await this.#ready(daemon, () => this.serverCli("healthcheck"));
    return daemon;
  }

  /** Starts the agent, with a new join token, and waits until it is ready. */
  async startAgent(joinToken?: string): Promise<Daemon> {
    const token = joinToken ?? (await this.createJoinToken());
    const bundle = await this.serverCliOk("bundle", "show");
    writeFileSync(join(this.folder, "bootstrap.pem"), bundle);
    writeFileSync(this.agentConfigPath, this.agentConfigText(token));
    return await this.restartAgent();
  }

  /** Starts the agent on the files it has. */
  async restartAgent(): Promise<Daemon> {
    const command = [...this.#agentCommand, "run", "-config", this.agentConfigPath];
    const daemon = this.#start("agent", command);
    this.agent = daemon;
    await this.#ready(daemon, () => this.agentCli("healthcheck"));
    return daemon;
  }

  /** Has the agent attest anew at its next start. */
  forgetAgent(): void {
    rmSync(join(this.agentFolder, "agent-data.json"), { force: true });
  }

  /** @param flags such as `-ttl`, `1`. */
  async createJoinToken(...flags: readonly string[]): Promise<string> {
    const spiffeId = `spiffe://${this.trustDomain}/node`;
    const output = await this.serverCliOk("token", "generate", "-spiffeID", spiffeId, ...flags);
    const token = /^Token: (\S+)/m.exec(output)?.[1];
    if (token === undefined) throw new Error(`no token in: ${output}`);
    return token;
  }

  /** Registers a workload below this deployment's node. */
  async createEntry(
    path: string,
    selectors: readonly string[],
    ...flags: readonly string[]
  ): Promise<string> {
    return await this.serverCliOk(
      "entry",
      "create",
      "-parentID",
      `spiffe://${this.trustDomain}/node`,
      "-spiffeID",
      `spiffe://${this.trustDomain}${path}`,
      ...selectors.flatMap((selector) => ["-selector", selector]),
      ...flags,
    );
  }

  /** A server command over the admin socket. */
  async serverCli(...args: readonly string[]): Promise<Finished> {
    const words = args.findIndex((arg) => arg.startsWith("-"));
    const at = words === -1 ? args.length : words;
    return await runCommand([
      ...this.#serverCommand,
      ...args.slice(0, at),
      "-socketPath",
      this.serverSocket,
      ...args.slice(at),
    ]);
  }

  /** An agent command over the Workload API socket. */
  async agentCli(...args: readonly string[]): Promise<Finished> {
    const words = args.findIndex((arg) => arg.startsWith("-"));
    const at = words === -1 ? args.length : words;
    return await runCommand([
      ...this.#agentCommand,
      ...args.slice(0, at),
      "-socketPath",
      this.workloadSocket,
      ...args.slice(at),
    ]);
  }

  async serverCliOk(...args: readonly string[]): Promise<string> {
    return outputOf(args, await this.serverCli(...args));
  }

  async agentCliOk(...args: readonly string[]): Promise<string> {
    return outputOf(args, await this.agentCli(...args));
  }

  #start(name: string, command: readonly string[]): Daemon {
    if (this.#disposed) throw new Error(`the ${name} is not started: its deployment was disposed of`);
    const { env } = this.#options;
    return Daemon.start(name, command, {
      logFile: join(this.folder, `${name}.log`),
      cwd: this.folder,
      ...(env && { env }),
    });
  }

  async #ready(daemon: Daemon, check: () => Promise<Finished>): Promise<void> {
    await eventually(
      async () => {
        if (!daemon.running) return;
        const result = await check();
        if (result.status !== 0)
          throw new Error(`not ready: ${result.stdout}${result.stderr}\n${daemon.log.slice(-3000)}`);
      },
      { timeoutMs: 30_000, isFinal: () => !daemon.running },
    ).catch((error: unknown) => {
      // That it has ended says more than that it was not ready.
      daemon.assertRunning();
      throw error;
    });
    daemon.assertRunning();
  }

  /** What both daemons run with, if not with this process's own. */
  get env(): NodeJS.ProcessEnv | undefined {
    return this.#options.env;
  }

  get serverConfigText(): string {
    const plugins =
      this.#options.serverPlugins?.(this.folder) ??
      `
  DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${this.folder}/datastore.sqlite3" }
  }
  KeyManager "disk" { plugin_data { keys_path = "${this.folder}/keys.json" } }
  NodeAttestor "join_token" { plugin_data {} }`;
    return `server {
  bind_address = "127.0.0.1"
  bind_port = "${this.serverPort}"
  socket_path = "${this.serverSocket}"
  trust_domain = "${this.trustDomain}"
  data_dir = "${this.folder}"
  log_level = "${this.#options.logLevel ?? "DEBUG"}"
${this.#options.server ?? ""}
}
plugins {${plugins}
}
`;
  }

  /** @param joinToken "" for an agent that attests without. */
  agentConfigText(joinToken: string): string {
    const plugins =
      this.#options.agentPlugins?.(this.agentFolder) ??
      `
  KeyManager "disk" { plugin_data { directory = "${this.agentFolder}" } }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }`;
    return `agent {
  data_dir = "${this.agentFolder}"
  log_level = "${this.#options.logLevel ?? "DEBUG"}"
  server_address = "127.0.0.1"
  server_port = "${this.serverPort}"
  socket_path = "${this.workloadSocket}"
  trust_bundle_path = "${this.folder}/bootstrap.pem"
  trust_domain = "${this.trustDomain}"
  join_token = "${joinToken}"
${this.#options.agent ?? ""}
}
plugins {${plugins}
}
`;
  }

  /** Lets everything run on after this process ends. */
  release(): void {
    this.#forget();
    this.server?.release();
    this.agent?.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.agent?.[Symbol.asyncDispose]();
    await this.server?.[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
    this.#forget();
  }
}

function outputOf(args: readonly string[], result: Finished): string {
  if (result.status === 0) return result.stdout;
  throw new Error(`${args.join(" ")} ended with ${result.status}:\n${result.stdout}${result.stderr}`);
}
