import { spawn } from "node:child_process";
import { writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition, StdioData_Channel } from "@finial/proto/goplugin/stdio";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, StatusError } from "@finial/sdk";
import { addService, formatHandshake } from "@finial/sdk/internal";
import { Server, ServerCredentials } from "@grpc/grpc-js";

/**
 * A plugin that misbehaves as its only argument says, for tests of the host. It is a program of its own, and knows of
 * go-plugin only what it needs: what a well-behaved plugin does is tested with the sdk's.
 */
export interface FakePluginBehaviour {
  /** What Init answers; by default the key manager's service and Config. */
  readonly services?: readonly string[];
  readonly init?: "hang" | "block" | "exit" | "garbage" | "refuse";
  readonly configure?: "hang" | "exit" | "refuse";
  readonly deinit?: "hang" | "block" | "refuse" | "unimplemented";
  /** By default it exits when asked to. */
  readonly shutdown?: "ignore" | "unimplemented";
  /** Characters of the one note that Validate answers. */
  readonly noteLength?: number;
  /** Pieces, in base64, of what it prints by way of go-plugin's stdio service. */
  readonly prints?: readonly string[];
  /** Prints by way of it without end. */
  readonly floodsStdio?: boolean;
  readonly withoutStdio?: boolean;
  /** Written to standard error at once, as it stands. */
  readonly says?: string;
  /** Starts a process that holds its standard output and error, and would outlive it; the diary names it. */
  readonly grandchild?: boolean;
  readonly ignoreSigterm?: boolean;
  /** Where it notes its pid and what it is asked to do, a line each. */
  readonly diary?: string;
}

const keyManager = "spire.plugin.server.keymanager.v1.KeyManager";

/** Runs it in this process. */
export async function main(behaviour: FakePluginBehaviour): Promise<void> {
  noteIn(behaviour.diary)(`pid ${process.pid}`);
  if (behaviour.says !== undefined) writeSync(2, behaviour.says);
  if (behaviour.ignoreSigterm) process.on("SIGTERM", () => {});
  if (behaviour.grandchild) noteIn(behaviour.diary)(`grandchild ${startGrandchild()}`);
  const path = join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? "", `fake-${process.pid}`);
  const server = new Server();
  addServices(server, behaviour, noteIn(behaviour.diary));
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    ),
  );
  writeSync(1, `${formatHandshake(path)}\n`);
}

function addServices(server: Server, behaviour: FakePluginBehaviour, note: (what: string) => void): void {
  const { services = [keyManager, ConfigDefinition.fullName], prints = [], noteLength } = behaviour;
  addService(server, GRPCBrokerDefinition, {
    startStream: async function* (requests) {
      for await (const { serviceId, network } of requests) note(`broker ${serviceId} ${network}`);
    },
  });
  if (!behaviour.withoutStdio)
    addService(server, GRPCStdioDefinition, {
      streamStdio: async function* (_, { signal }) {
        while (behaviour.floodsStdio && !signal.aborted)
          yield { channel: StdioData_Channel.STDERR, data: Buffer.from(`${"x".repeat(1023)}\n`) };
        for (const data of prints)
          yield { channel: StdioData_Channel.STDOUT, data: Buffer.from(data, "base64") };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
  if (behaviour.shutdown !== "unimplemented")
    addService(server, GRPCControllerDefinition, {
      shutdown: () => {
        note("shutdown");
        if (behaviour.shutdown !== "ignore") setImmediate(() => process.exit(0));
        return {};
      },
    });
  addService(server, InitDefinition, {
    init: async ({ hostServiceNames }) => {
      note(`init ${hostServiceNames.join(",")}`);
      await behave(behaviour.init);
      return { pluginServiceNames: [...services] };
    },
    ...(behaviour.deinit !== "unimplemented" && {
      deinit: async () => {
        note("deinit");
        await behave(behaviour.deinit);
        return {};
      },
    }),
  });
  addService(server, ConfigDefinition, {
    configure: async ({ coreConfiguration, hclConfiguration }) => {
      note(`configure ${coreConfiguration?.trustDomain} ${hclConfiguration}`);
      await behave(behaviour.configure);
      return {};
    },
    validate: () => ({ valid: true, notes: noteLength === undefined ? [] : ["x".repeat(noteLength)] }),
  });
  if (behaviour.init === "garbage") answerGarbage(server);
}

async function behave(how: string | undefined): Promise<void> {
  if (how === "hang") await new Promise(() => setInterval(() => {}, 60_000));
  if (how === "block") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  if (how === "exit") {
    writeSync(2, "panic: out of luck\n");
    process.exit(3);
  }
  if (how === "refuse") throw new StatusError(Code.Internal, "REFUSED", "no, thank you");
}

/** Bytes that are no message, in the place of Init's answer. */
function answerGarbage(server: Server): void {
  const path = `/${InitDefinition.fullName}/Init`;
  server.unregister(path);
  server.register(
    path,
    (_call: unknown, callback: (error: null, value: Buffer) => void) => callback(null, Buffer.alloc(9, 0xff)),
    (bytes: Buffer) => bytes,
    (bytes: Buffer) => bytes,
    "unary",
  );
}

function startGrandchild(): number | undefined {
  return spawn("sleep", ["60"], { stdio: ["ignore", "inherit", "inherit"] }).pid;
}

function noteIn(diary: string | undefined): (what: string) => void {
  return (what) => {
    if (diary !== undefined) writeFileSync(diary, `${what.trim()}\n`, { flag: "a" });
  };
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? "{}"));
