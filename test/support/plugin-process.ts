import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { MetricsDefinition } from "@finial/proto/plugin/hostservice/common/metrics/v1/metrics";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { StatusError } from "@finial/sdk";
import {
  addService,
  type Channel,
  createClient,
  hostServicesId,
  LinkIdentity,
  openChannel,
  parseHandshake,
  targetOf,
} from "@finial/sdk/internal";
import { credentials, Server, ServerCredentials } from "@grpc/grpc-js";

/** A plugin's process, launched as a host does it, for tests that look at the process itself. */
export class StartedPlugin implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly channel: Channel;
  readonly services: readonly string[];

  /** Where its socket is: a killed plugin does not take it along. */
  readonly #sockets: string;

  readonly #host: Server | undefined;

  constructor(
    child: ChildProcess,
    channel: Channel,
    services: readonly string[],
    sockets: string,
    host: Server | undefined,
  ) {
    this.#sockets = sockets;
    this.#host = host;
    this.child = child;
    this.channel = channel;
    this.services = services;
  }

  /** What it has against a configuration: its notes, or its error. */
  async validate(hclConfiguration: string): Promise<readonly string[]> {
    const config = createClient(ConfigDefinition, this.channel);
    const request = { coreConfiguration: { trustDomain: "example.org" }, hclConfiguration };
    return (await config.validate(request)).notes;
  }

  /** Asks it to end. @returns how long it took, in milliseconds. */
  async shutdown(): Promise<number> {
    const startedAt = performance.now();
    const exited = once(this.child, "exit");
    await createClient(GRPCControllerDefinition, this.channel)
      .shutdown({}, { deadlineMs: 2000 })
      .catch((error: unknown) => {
        // It may be gone before its answer has left.
        if (StatusError.from(error).reason !== "UNAVAILABLE") throw error;
      });
    await exited;
    return performance.now() - startedAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.channel.close();
    this.#host?.forceShutdown();
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, "exit");
      this.child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#sockets, { recursive: true, force: true });
  }
}

/**
 * @param file the plugin's bundle, or its source, which finds the packages' sources, or a program of another language.
 * @param options.metrics offers the plugin the host's metrics, which take anything.
 * @param options.log where what it logs goes; by default to this process's own.
 */
export async function startPluginProcess(
  file: string,
  type: string,
  {
    args = [],
    metrics = false,
    log = "inherit",
    sealed = false,
  }: {
    readonly args?: readonly string[];
    readonly metrics?: boolean;
    readonly log?: "inherit" | "ignore";
    /** Over mutual TLS, as a host asks of Finial's own. */
    readonly sealed?: boolean;
  } = {},
): Promise<StartedPlugin> {
  await using stack = new AsyncDisposableStack();
  const sockets = mkdtempSync(join(tmpdir(), "host"));
  stack.defer(() => rmSync(sockets, { recursive: true, force: true }));
  const [program = file, ...flags] = commandOf(file);
  const identity = sealed ? await LinkIdentity.make(new Date()) : undefined;
  const child = spawn(program, [...flags, ...args], {
    env: {
      PATH: process.env.PATH,
      [type]: type,
      PLUGIN_PROTOCOL_VERSIONS: "1",
      PLUGIN_UNIX_SOCKET_DIR: sockets,
      // Where older go-plugins make theirs.
      TMPDIR: sockets,
      ...(identity && { PLUGIN_CLIENT_CERT: identity.certificatePem }),
    },
    stdio: ["ignore", "pipe", log],
  });
  stack.defer(() => {
    child.kill("SIGKILL");
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`${file} ended with ${code} before it said where it listens`);
    }),
  ]);
  const handshake = parseHandshake(String(line));
  const known =
    identity?.clientCredentials(handshake.certificateDer ?? Buffer.alloc(0)) ?? credentials.createInsecure();
  const channel = openChannel(targetOf(handshake), known);
  const broker = createClient(GRPCBrokerDefinition, channel).startStream();
  void Array.fromAsync(broker).catch(() => undefined);
  const host = metrics ? await serveMetrics(join(sockets, "host")) : undefined;
  if (host !== undefined)
    await broker.send({ serviceId: hostServicesId, network: "unix", address: host.address });
  const { pluginServiceNames } = await createClient(InitDefinition, channel).init({
    hostServiceNames: host === undefined ? [] : [MetricsDefinition.fullName],
  });
  stack.move();
  return new StartedPlugin(child, channel, pluginServiceNames, sockets, host?.server);
}

function commandOf(file: string): readonly string[] {
  if (file.endsWith(".ts")) return [process.execPath, "--conditions=source", file];
  return file.endsWith(".mjs") ? [process.execPath, file] : [file];
}

async function serveMetrics(address: string): Promise<{ readonly address: string; readonly server: Server }> {
  const server = new Server();
  const taken = () => ({});
  addService(server, MetricsDefinition, {
    setGauge: taken,
    emitKey: taken,
    incrCounter: taken,
    addSample: taken,
    measureSince: taken,
  });
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  return { address, server };
}
