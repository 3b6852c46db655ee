import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { type Finished, runCommand } from "../child.ts";
import type { Daemon } from "../daemon.ts";
import { Deployment } from "../deployment.ts";
import { eventually } from "../eventually.ts";
import { listProcesses, type ProcessInfo, processTree } from "../processes.ts";
import type { MatrixHost } from "./matrix-host.ts";

/** How many seconds a CA is good for: the plugins see none of its rotations. */
const caTtl = "1h";

export interface MatrixPlugins {
  /** Blocks of the server's plugins besides its store. @param folder for files of theirs. */
  readonly server: (folder: string) => string;
  readonly agent: (folder: string) => string;
}

/** A host's server and agent with plugins of others, and what is left of them afterwards. */
export class MatrixDeployment implements AsyncDisposable {
  readonly deployment: Deployment;
  readonly #host: MatrixHost;
  /** Where the daemons and their plugins put their sockets. */
  readonly #tmp: string;

  private constructor(host: MatrixHost, deployment: Deployment, tmp: string) {
    this.#host = host;
    this.deployment = deployment;
    this.#tmp = tmp;
  }

  static async create(
    host: MatrixHost,
    plugins: MatrixPlugins,
    options: { readonly dataStore?: (folder: string) => string } = {},
  ): Promise<MatrixDeployment> {
    const tmp = mkdtempSync(join(tmpdir(), "matrix-"));
    const { serverCommand, agentCommand } = host;
    // SPIRE starts our plugins by their first line, which asks for the Node there is.
    const path = [dirname(process.execPath), process.env.PATH].join(delimiter);
    const dataStore = (folder: string): string =>
      options.dataStore?.(folder) ??
      `DataStore "sql" {
    plugin_data { database_type = "sqlite3" connection_string = "${folder}/datastore.sqlite3" }
  }`;
    const deployment = await Deployment.create({
      serverCommand,
      agentCommand,
      server: `  ca_ttl = "${caTtl}"`,
      serverPlugins: (folder) => `\n  ${dataStore(folder)}\n${plugins.server(folder)}`,
      agentPlugins: () => plugins.agent(deployment.folder),
      env: { ...process.env, PATH: path, TMPDIR: tmp },
    });
    return new MatrixDeployment(host, deployment, tmp);
  }

  /**
   * Has every plugin of the server check its configuration; an agent's `validate` reads the file alone, as SPIRE's does.
   *
   * @param edit of the configuration's text.
   */
  async validateServer(edit: (text: string) => string = (text) => text): Promise<Finished> {
    const { deployment } = this;
    const path = join(deployment.folder, "checked.conf");
    writeFileSync(path, edit(deployment.serverConfigText));
    const tmp = mkdtempSync(join(tmpdir(), "matrix-"));
    try {
      const finished = await runCommand([...this.#host.serverCommand, "validate", "-config", path], {
        cwd: deployment.folder,
        env: { ...deployment.env, TMPDIR: tmp },
      });
      // SPIRE's ends without unloading the plugins it had asked.
      const left = readdirSync(tmp);
      if (this.#host.name === "Finial" && left.length > 0)
        throw new Error(`the validation left behind: ${left.join(", ")}`);
      return finished;
    } finally {
      rmSync(tmp, { recursive: true, force: true });
    }
  }

  /** The plugins' processes of a daemon. */
  plugins(daemon: Daemon): readonly ProcessInfo[] {
    return processTree(daemon.pid).filter(({ pid }) => pid !== daemon.pid);
  }

  /** Ends a daemon. @throws unless it ended well, and nothing of its plugins is left. */
  async stop(daemon: Daemon): Promise<void> {
    const before = this.plugins(daemon);
    if (before.length === 0) throw new Error(`the ${daemon.name} has no plugins' processes`);
    const status = await daemon.stop();
    if (status !== 0) throw new Error(`the ${daemon.name} ended with ${status}: ${daemon.log.slice(-2000)}`);
    await eventually(
      async () => {
        const left = listProcesses().filter(({ pid }) => before.some((process) => process.pid === pid));
        if (left.length > 0)
          throw new Error(`processes are left: ${left.map(({ command }) => command).join("; ")}`);
      },
      { timeoutMs: 2000 },
    );
  }

  /** Ends a daemon. @returns its log; throws then what was wrong with its end. */
  async end(daemon: Daemon): Promise<() => string> {
    try {
      await this.stop(daemon);
      const { log } = daemon;
      return () => log;
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  /** Runs a daemon to its end, which a bad configuration brings it to at once. */
  async runDaemon(side: "server" | "agent", configPath: string): Promise<Finished> {
    const { env, folder } = this.deployment;
    const command = side === "server" ? this.#host.serverCommand : this.#host.agentCommand;
    return await runCommand([...command, "run", "-config", configPath], { cwd: folder, ...(env && { env }) });
  }

  /** Names of what daemons and plugins left where their sockets were. */
  get leftovers(): readonly string[] {
    return readdirSync(this.#tmp);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.deployment[Symbol.asyncDispose]();
    rmSync(this.#tmp, { recursive: true, force: true });
  }
}

/** Whether the log of either host says this of a plugin. */
export function isLogged(log: string, message: string, type: string, name: string): boolean {
  const parts = [`msg="${message}"`, `plugin_type=${type}`, `plugin_name=${name}`];
  return log.split("\n").some((line) => parts.every((part) => line.includes(part)));
}
