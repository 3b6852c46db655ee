import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { GRPCStdioDefinition } from "@finial/proto/goplugin/stdio";
import {
  HealthDefinition,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@finial/proto/grpc/health/v1/health";
import { WorkloadAttestorDefinition } from "@finial/proto/plugin/agent/workloadattestor/v1/workloadattestor";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { Code, StatusError } from "@finial/sdk";
import { bool, decodeConfig } from "@finial/sdk/hcl";
import { addService } from "@finial/sdk/internal";
import { Server, ServerCredentials } from "@grpc/grpc-js";

const cookie = "WorkloadAttestor";

/**
 * A WorkloadAttestor that knows a process by its owner, made by hand as in a language without an sdk, and with one fault.
 *
 * @param fault a name of faults.ts; `none` for a plugin without.
 */
export async function faulty(fault: string): Promise<void> {
  const has = (name: string): boolean => fault === name;
  const expected = has("cookie-of-another") ? "BASIC_PLUGIN" : cookie;
  if (!has("cookie-unchecked") && process.env[expected] !== expected) {
    process.stderr.write("This binary is a plugin. These are not meant to be executed directly.\n");
    process.exit(1);
  }
  if (has("ends-early")) {
    process.stderr.write("no database\n");
    process.exit(3);
  }
  if (has("stdout-before")) say("Loading…\n");
  const folder = mkdtempSync(join(process.env.PLUGIN_UNIX_SOCKET_DIR ?? tmpdir(), "plugin"));
  // A folder that others can enter: only then does the socket's own mode count.
  if (has("socket-for-all")) chmodSync(folder, 0o755);
  const socket = join(folder, "s");
  if (!has("socket-left")) process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  process.on("SIGTERM", () => process.exit(0));
  if (process.env.FINIAL_PLUGIN_LIFELINE === "stdin")
    process.stdin.once("end", () => process.exit(0)).resume();

  const server = serverOf(fault);
  const port = await listen(server, has("on-tcp") ? "127.0.0.1:0" : `unix:${socket}`);
  if (has("socket-for-all")) chmodSync(socket, 0o777);
  say(handshakeOf(fault, { socket, port }));
  if (has("stdout-after")) say("Ready\n");
  if (has("handshake-twice")) say(`1|1|unix|${socket}2|grpc\n`);
  if (has("process-left")) spawn("sleep", ["300"], { stdio: "ignore", detached: true }).unref();
}

function handshakeOf(
  fault: string,
  { socket, port }: { readonly socket: string; readonly port: number },
): string {
  const line = `1|1|unix|${socket}|grpc\n`;
  switch (fault) {
    case "handshake-fields":
      return `1|1|unix|${socket}\n`;
    case "handshake-version":
      return `1|2|unix|${socket}|grpc\n`;
    case "handshake-netrpc":
      return `1|1|unix|${socket}|netrpc\n`;
    case "handshake-open":
      return line.trimEnd();
    case "handshake-on-stderr":
      process.stderr.write(line);
      return "";
    case "socket-missing":
      return `1|1|unix|${socket}-elsewhere|grpc\n`;
    case "socket-dead":
      return `1|1|unix|${deadSocket(`${socket}-dead`)}|grpc\n`;
    case "on-tcp":
      return `1|1|tcp|127.0.0.1:${port}|grpc\n`;
    default:
      return line;
  }
}

/** A socket's file whose listener is gone. */
function deadSocket(path: string): string {
  spawn(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`,
  ]);
  const until = Date.now() + 5000;
  while (statSync(path, { throwIfNoEntry: false }) === undefined && Date.now() < until)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  return path;
}

function serverOf(fault: string): Server {
  const has = (name: string): boolean => fault === name;
  const server = new Server({ "grpc.max_receive_message_length": 64 << 20 });
  const never = new Promise<never>(() => {});
  let configured = false;
  const read = (text: string): void => {
    // HCL of one key, and of any other where the fault is to pass over those.
    if (has("unknown-keys")) return;
    decodeConfig(text, { quiet: bool() });
  };
  const requireTrustDomain = (request: {
    readonly coreConfiguration?: { readonly trustDomain: string } | undefined;
  }): void => {
    if (request.coreConfiguration === undefined)
      throw new StatusError(Code.InvalidArgument, "CORE_CONFIGURATION", "core configuration is missing");
  };

  if (!has("no-health"))
    addService(server, HealthDefinition, { check: () => ({ status: ServingStatus.SERVING }) });
  if (!has("no-broker"))
    addService(server, GRPCBrokerDefinition, {
      startStream: async function* (messages) {
        for await (const _ of messages);
      },
    });
  if (!has("no-stdio"))
    addService(server, GRPCStdioDefinition, {
      streamStdio: async function* (_, { signal }) {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
  if (!has("no-controller"))
    addService(server, GRPCControllerDefinition, {
      shutdown: () => {
        if (!has("shutdown-hangs")) setTimeout(() => process.exit(has("exit-status") ? 7 : 0), 50);
        return {};
      },
    });
  addService(server, InitDefinition, {
    init: async () => {
      if (has("init-hangs")) await never;
      const type = has("init-misspelt")
        ? "spire.plugin.agent.workloadattestor.WorkloadAttestor"
        : WorkloadAttestorDefinition.fullName;
      return { pluginServiceNames: has("init-empty") ? [] : [type, ConfigDefinition.fullName] };
    },
    ...(!has("no-deinit") && { deinit: () => ({}) }),
  });
  addService(server, ConfigDefinition, {
    configure: (request) => {
      if (has("configure-panics")) {
        process.stderr.write("panic: nil\n");
        process.exit(2);
      }
      if (has("configure-forgets")) configured = false;
      requireTrustDomain(request);
      read(request.hclConfiguration);
      configured = true;
      return {};
    },
    ...(!has("no-validate") && {
      validate: (request) => {
        try {
          requireTrustDomain(request);
          read(request.hclConfiguration);
          return { valid: true };
        } catch (error) {
          return { valid: false, notes: [StatusError.from(error).message] };
        }
      },
    }),
  });
  const definition = has("wrong-field") ? withVarint() : WorkloadAttestorDefinition;
  addService(server, definition, {
    attest: async ({ pid }) => {
      if (has("crash-on-empty") && pid === 0) process.exit(2);
      if (has("attest-hangs") && pid === 0 && configured) await never;
      if (!configured) throw new StatusError(Code.FailedPrecondition, "NOT_CONFIGURED", "not configured");
      return {
        selectorValues: [`${has("typed-selectors") ? "faulty:" : ""}uid:${ownerOf(pid, has("bare-errors"))}`],
      };
    },
  });
  return server;
}

function ownerOf(pid: number, bare: boolean): number {
  const stat = pid > 0 ? statSync(`/proc/${pid}`, { throwIfNoEntry: false }) : undefined;
  if (stat !== undefined) return stat.uid;
  throw bare ? new Error("no such process") : new StatusError(Code.NotFound, "NO_PROCESS", "no such process");
}

/** The service with an answer whose field 1 is a number. */
function withVarint(): typeof WorkloadAttestorDefinition {
  const { attest } = WorkloadAttestorDefinition.methods;
  const encode = () => ({ finish: () => Uint8Array.of(0x08, 0x07) });
  const responseType = { ...attest.responseType, encode, fromPartial: (value: object) => value };
  return {
    ...WorkloadAttestorDefinition,
    methods: { ...WorkloadAttestorDefinition.methods, attest: { ...attest, responseType } },
  } as unknown as typeof WorkloadAttestorDefinition;
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, port) =>
      error ? reject(error) : resolve(port),
    ),
  );
}

function say(text: string): void {
  if (text !== "") writeSync(1, text);
}
