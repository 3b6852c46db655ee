import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { StatusError } from "@finial/sdk";
import { type Channel, createClient, openChannel, parseHandshake, targetOf } from "@finial/sdk/internal";
import { credentials } from "@grpc/grpc-js";

/** A plugin's process, launched as a host does it, for tests that look at the process itself. */
export class StartedPlugin implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly channel: Channel;
  readonly services: readonly string[];

  /** Where its socket is: a killed plugin does not take it along. */
  readonly #sockets: string;

  constructor(child: ChildProcess, channel: Channel, services: readonly string[], sockets: string) {
    this.#sockets = sockets;
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
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exited = once(this.child, "exit");
      this.child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#sockets, { recursive: true, force: true });
  }
}

/** @param file the plugin's bundle, or its source, which finds the packages' sources. */
export async function startPluginProcess(file: string, type: string): Promise<StartedPlugin> {
  const flags = file.endsWith(".ts") ? ["--conditions=source"] : [];
  const sockets = mkdtempSync(join(tmpdir(), "host"));
  const child = spawn(process.execPath, [...flags, file], {
    env: {
      PATH: process.env.PATH,
      [type]: type,
      PLUGIN_PROTOCOL_VERSIONS: "1",
      PLUGIN_UNIX_SOCKET_DIR: sockets,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`${file} ended with ${code} before it said where it listens`);
    }),
  ]);
  const channel = openChannel(targetOf(parseHandshake(String(line))), credentials.createInsecure());
  const broker = createClient(GRPCBrokerDefinition, channel).startStream();
  void Array.fromAsync(broker).catch(() => undefined);
  const { pluginServiceNames } = await createClient(InitDefinition, channel).init({ hostServiceNames: [] });
  return new StartedPlugin(child, channel, pluginServiceNames, sockets);
}
