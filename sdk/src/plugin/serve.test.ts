import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { GRPCBrokerDefinition } from "@finial/proto/goplugin/broker";
import { GRPCControllerDefinition } from "@finial/proto/goplugin/controller";
import { InitDefinition } from "@finial/proto/plugin/service/init/v1/init";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { WorkloadAttestor } from "../agent.ts";
import { toPem } from "../crypto/pem.ts";
import { parseHandshake } from "../goplugin/handshake.ts";
import { LinkIdentity } from "../goplugin/link-identity.ts";
import { type Channel, createClient, openChannel } from "../rpc/client.ts";
import { Code } from "../status/code.ts";

const folder = mkdtempSync(join(tmpdir(), "serve-"));
after(() => rmSync(folder, { recursive: true }));

/** A plugin that prints, logs and crashes when asked to. */
const program = `
import { definePlugin, serve } from ${JSON.stringify(join(import.meta.dirname, "..", "index.ts"))};
import { WorkloadAttestor } from ${JSON.stringify(join(import.meta.dirname, "..", "agent.ts"))};
await serve(definePlugin({
  type: WorkloadAttestor,
  name: "fixture",
  open: ({ logger }) => ({
    service: {
      attest: ({ pid }) => {
        console.log("printed");
        logger.info("logged", { pid });
        if (pid === 13) setImmediate(() => { throw new Error("unlucky"); });
        return { selectorValues: ["umask:" + process.umask().toString(8)] };
      },
    },
  }),
}));
`;

interface Started extends AsyncDisposable {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly stderr: Promise<string>;
  /** Status or signal. */
  readonly exited: Promise<unknown>;
}

function start(environment: Record<string, string> = {}): Started {
  const env = { PATH: process.env.PATH, TMPDIR: folder, ...environment };
  const args = ["--conditions=source", "--input-type=module", "--eval", program];
  const child = spawn(process.execPath, args, { env, stdio: ["pipe", "pipe", "pipe"] });
  const exited = once(child, "exit").then(([status, signal]) => status ?? signal);
  return {
    child,
    stderr: text(child.stderr),
    exited,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

const cookie = { WorkloadAttestor: "WorkloadAttestor" };

async function firstLine({ child }: Started): Promise<string> {
  for await (const line of createInterface(child.stdout)) return line;
  return "";
}

async function connect(started: Started): Promise<Channel> {
  const { address } = parseHandshake(await firstLine(started));
  return openChannel(`unix:${address}`, credentials.createInsecure());
}

describe("serve()", () => {
  it("refuses to run without its magic cookie, in go-plugin's words", async () => {
    for (const environment of [{}, { WorkloadAttestor: "KeyManager" }, { KeyManager: "KeyManager" }]) {
      await using started = start(environment as Record<string, string>);
      assert.deepEqual(
        [await started.exited, await text(started.child.stdout), await started.stderr],
        [
          1,
          "",
          "This binary is a plugin. These are not meant to be executed directly.\n" +
            "Please execute the program that consumes these plugins, which will\n" +
            "load any plugins automatically\n",
        ],
      );
    }
  });

  it("seals its link for a host that sends a certificate, and then speaks to that host alone", async () => {
    const [host, stranger] = [await LinkIdentity.make(new Date()), await LinkIdentity.make(new Date())];
    await using started = start({ ...cookie, PLUGIN_CLIENT_CERT: host.certificatePem });
    const { address, certificateDer } = parseHandshake(await firstLine(started));
    assert.ok(certificateDer);
    const init = async (known: ChannelCredentials): Promise<readonly string[]> => {
      using channel = openChannel(`unix:${address}`, known);
      const { pluginServiceNames } = await createClient(InitDefinition, channel).init(
        {},
        { deadlineMs: 3000 },
      );
      return pluginServiceNames;
    };
    const anybody = credentials.createSsl(Buffer.from(toPem("CERTIFICATE", certificateDer)));
    for (const known of [credentials.createInsecure(), anybody, stranger.clientCredentials(certificateDer)])
      await assert.rejects(init(known), { code: Code.Unavailable });
    assert.equal((await init(host.clientCredentials(certificateDer))).length, 1);
  });

  it("refuses what is no host's certificate", async () => {
    for (const [pem, why] of [
      ["certificate", "no certificate in it"],
      [toPem("CERTIFICATE", Buffer.from("x")), "malformed certificate: expected tag 0x30, found 0x78"],
    ] as const) {
      await using started = start({ ...cookie, PLUGIN_CLIENT_CERT: pem });
      assert.equal(await started.exited, 1);
      assert.equal(
        await started.stderr,
        `fixture: PLUGIN_CLIENT_CERT is not the certificate of a host: ${why}\n`,
      );
    }
  });

  it("says one line, and listens where only its user comes", async () => {
    await using started = start(cookie);
    const line = await firstLine(started);
    assert.match(line, /^1\|1\|unix\|\/.+\/s\|grpc$/);
    const { address } = parseHandshake(line);
    assert.ok(address.startsWith(folder));
    assert.equal(statSync(dirname(address)).mode & 0o777, 0o700);
    assert.ok(statSync(address).isSocket());
  });

  it("answers a host that asks for multiplexing", async () => {
    await using started = start({ ...cookie, PLUGIN_MULTIPLEX_GRPC: "true" });
    assert.match(await firstLine(started), /^1\|1\|unix\|\/.+\/s\|grpc\|\|false$/);
  });

  it("logs on standard error as hclog does, and keeps standard output free", async () => {
    await using started = start(cookie);
    const output: string[] = [];
    const lines = createInterface(started.child.stdout).on("line", (line) => output.push(line));
    await once(lines, "line");
    using channel = openChannel(
      `unix:${parseHandshake(output[0] ?? "").address}`,
      credentials.createInsecure(),
    );
    await createClient(InitDefinition, channel).init({});
    const { selectorValues } = await createClient(WorkloadAttestor.definition, channel).attest({ pid: 7 });
    assert.deepEqual(selectorValues, ["umask:77"]);
    await createClient(GRPCControllerDefinition, channel).shutdown({});
    assert.equal(await started.exited, 0);
    const logged = (await started.stderr).trimEnd().split("\n");
    assert.equal(logged[0], "printed");
    const { "@timestamp": timestamp, ...entry } = JSON.parse(logged[1] ?? "");
    assert.deepEqual(entry, { "@level": "info", "@message": "logged", pid: 7 });
    assert.match(timestamp, /\.\d{6}Z$/);
    assert.equal(output.length, 1);
  });

  it("takes its socket with it, whichever way it ends", async () => {
    const ends: [string, (started: Started, channel: Channel) => unknown, unknown][] = [
      ["Shutdown", (_, channel) => createClient(GRPCControllerDefinition, channel).shutdown({}), 0],
      ["SIGTERM", ({ child }) => child.kill("SIGTERM"), 0],
      ["the end of the lifeline", ({ child }) => child.stdin.end(), 0],
      [
        "the end of the host's broker stream",
        async (_, channel) => {
          const broker = createClient(GRPCBrokerDefinition, channel).startStream();
          await broker.send({ serviceId: 5, network: "unix", address: "/nowhere" });
          broker.end();
        },
        0,
      ],
    ];
    for (const [title, end, status] of ends) {
      await using started = start({ ...cookie, FINIAL_PLUGIN_LIFELINE: "stdin" });
      const { address } = parseHandshake(await firstLine(started));
      using channel = openChannel(`unix:${address}`, credentials.createInsecure());
      await createClient(InitDefinition, channel).init({});
      await end(started, channel);
      assert.equal(await started.exited, status, title);
      assert.equal(existsSync(dirname(address)), false, title);
    }
  });

  it("does not end by an interrupt, which the host's terminal sends to all", async () => {
    await using started = start(cookie);
    using channel = await connect(started);
    const init = createClient(InitDefinition, channel);
    await init.init({});
    started.child.kill("SIGINT");
    await createClient(WorkloadAttestor.definition, channel).attest({});
    await createClient(GRPCControllerDefinition, channel).shutdown({});
    assert.equal(await started.exited, 0);
    assert.match(await started.stderr, /"@level":"trace","@message":"ignoring interrupt/);
  });

  it("takes no part in signals that mean the host: Node would open a debugger's port, or end", async () => {
    await using started = start(cookie);
    using channel = await connect(started);
    await createClient(InitDefinition, channel).init({});
    for (const signal of ["SIGUSR1", "SIGUSR2"] as const) started.child.kill(signal);
    await createClient(WorkloadAttestor.definition, channel).attest({});
    await createClient(GRPCControllerDefinition, channel).shutdown({});
    assert.equal(await started.exited, 0);
    const logged = await started.stderr;
    assert.match(logged, /"@message":"ignoring SIGUSR1"/);
    assert.match(logged, /"@message":"ignoring SIGUSR2"/);
    assert.doesNotMatch(logged, /Debugger/);
  });

  it("logs what it crashes of, and is gone", async () => {
    await using started = start(cookie);
    using channel = await connect(started);
    await createClient(InitDefinition, channel).init({});
    await createClient(WorkloadAttestor.definition, channel)
      .attest({ pid: 13 })
      .catch(() => undefined);
    assert.equal(await started.exited, 2);
    assert.match(
      await started.stderr,
      /"@level":"error","@message":"plugin crashed".*"error":"Error: unlucky/,
    );
  });

  it("says why it cannot listen", async () => {
    const deep = join(folder, "x".repeat(100));
    mkdirSync(deep);
    await using tooLong = start({ ...cookie, PLUGIN_UNIX_SOCKET_DIR: deep });
    assert.equal(await tooLong.exited, 2);
    assert.match(await tooLong.stderr, /"@message":"plugin crashed".*is longer than 107 bytes; set TMPDIR/);
    await using missing = start({ ...cookie, PLUGIN_UNIX_SOCKET_DIR: join(folder, "missing") });
    assert.equal(await missing.exited, 2);
    assert.match(await missing.stderr, /"@message":"plugin crashed".*ENOENT/);
  });

  it("lets in the group that go-plugin asks for", async () => {
    const gid = process.getgid?.() ?? 0;
    await using started = start({ ...cookie, PLUGIN_UNIX_SOCKET_GROUP: String(gid) });
    const { address } = parseHandshake(await firstLine(started));
    assert.deepEqual([statSync(address).mode & 0o777, statSync(address).gid], [0o660, gid]);
    assert.equal(statSync(dirname(address)).mode & 0o777, 0o750);
    await using unknown = start({ ...cookie, PLUGIN_UNIX_SOCKET_GROUP: "no-such-group" });
    assert.equal(await unknown.exited, 2);
    assert.match(await unknown.stderr, /there is no group \\"no-such-group\\"/);
  });
});
