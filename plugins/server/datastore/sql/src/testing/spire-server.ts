import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { DataFolder } from "./data-folder.ts";

const run = promisify(execFile);
const startTimeoutMs = 20_000;

/** Why tests with SPIRE's own programs cannot run; false when they can. */
export const noSpire: string | false =
  process.env.SPIRE_BIN_DIR === undefined ? "SPIRE_BIN_DIR names no folder with SPIRE's programs" : false;

function programOf(name: "spire-server" | "spire-agent"): string {
  return join(process.env.SPIRE_BIN_DIR ?? "", name);
}

/** A process of SPIRE's whose output goes to a file. Dispose of it. */
class SpireProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #logFile: string;
  readonly #program: string;
  protected readonly socket: string;

  protected constructor(
    name: "spire-server" | "spire-agent",
    { args, folder }: { readonly args: readonly string[]; readonly folder: string },
  ) {
    this.#program = programOf(name);
    this.#logFile = join(folder, `${name}.log`);
    this.socket = join(folder, `${name}.sock`);
    const log = openSync(this.#logFile, "a");
    // SPIRE writes times in its own zone.
    const env = { ...process.env, TZ: "Asia/Kolkata" };
    this.#child = spawn(this.#program, args, { stdio: ["ignore", log, log], env });
    closeSync(log);
  }

  protected async ready(): Promise<void> {
    for (const deadline = performance.now() + startTimeoutMs; ; ) {
      const error = await this.cli("healthcheck").then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (error === undefined) return;
      if (this.#child.exitCode !== null || performance.now() > deadline)
        throw new Error(`${this.#program} does not come up:\n${readFileSync(this.#logFile, "utf8")}`);
      await sleep(100);
    }
  }

  /** Runs a command of the program and gives what it prints. */
  async cli(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.#program, [...args, "-socketPath", this.socket]);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await exited;
  }
}

/** A SPIRE server on a folder's database; its keys are in the folder, too, so that it can be started again. */
export class SpireServer extends SpireProcess {
  readonly port: number;
  readonly #folder: DataFolder;

  private constructor(folder: DataFolder, config: string, port: number) {
    super("spire-server", { args: ["run", "-config", config], folder: folder.path });
    this.#folder = folder;
    this.port = port;
  }

  static async start(folder: DataFolder): Promise<SpireServer> {
    await using stack = new AsyncDisposableStack();
    const port = await freePort();
    const config = join(folder.path, "server.conf");
    writeFileSync(
      config,
      `server {
  bind_address = "127.0.0.1"
  bind_port = "${port}"
  socket_path = "${join(folder.path, "spire-server.sock")}"
  trust_domain = "example.org"
  data_dir = "${folder.path}"
}
plugins {
  DataStore "sql" {
    plugin_data {
      database_type = "sqlite3"
      connection_string = "${folder.file}"
    }
  }
  KeyManager "disk" { plugin_data { keys_path = "${join(folder.path, "keys.json")}" } }
  NodeAttestor "join_token" { plugin_data {} }
}`,
    );
    const server = stack.use(new SpireServer(folder, config, port));
    await server.ready();
    stack.move();
    return server;
  }

  /** What a command answers with `-output json`. */
  async json(...args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.cli(...args, "-output", "json"));
  }

  /** A file with the bundle of the server's trust domain. */
  async bundleFile(): Promise<string> {
    const file = join(this.#folder.path, "bundle.json");
    writeFileSync(file, await this.cli("bundle", "show", "-format", "spiffe"));
    return file;
  }
}

/** A SPIRE agent that joined a server by a token. */
export class SpireAgent extends SpireProcess {
  static async start(folder: DataFolder, server: SpireServer): Promise<SpireAgent> {
    await using stack = new AsyncDisposableStack();
    const token = /Token: (\S+)/.exec(await server.cli("token", "generate"))?.[1] ?? "";
    const bundle = join(folder.path, "bundle.pem");
    writeFileSync(bundle, await server.cli("bundle", "show"));
    const config = join(folder.path, "agent.conf");
    writeFileSync(
      config,
      `agent {
  data_dir = "${folder.path}"
  server_address = "127.0.0.1"
  server_port = "${server.port}"
  socket_path = "${join(folder.path, "spire-agent.sock")}"
  trust_domain = "example.org"
  trust_bundle_path = "${bundle}"
  join_token = "${token}"
}
plugins {
  KeyManager "memory" { plugin_data {} }
  NodeAttestor "join_token" { plugin_data {} }
  WorkloadAttestor "unix" { plugin_data {} }
}`,
    );
    const options = { args: ["run", "-config", config], folder: folder.path };
    const agent = stack.use(new SpireAgent("spire-agent", options));
    await agent.ready();
    stack.move();
    return agent;
  }

  /** The SPIFFE IDs that a workload of this user gets; none when there is no identity. */
  async identities(): Promise<string[]> {
    const printed = await this.cli("api", "fetch", "x509").catch(() => "");
    return [...printed.matchAll(/^SPIFFE ID:\s+(\S+)$/gm)].map((match) => match[1] ?? "").sort();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has a port");
  return address.port;
}
