import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { ConfigDefinition } from "@finial/proto/plugin/service/config/v1/config";
import { StatusError } from "@finial/sdk";
import { createClient } from "@finial/sdk/internal";
import { captureLog, FakeClock } from "@finial/sdk/testing";
import type { FakePluginBehaviour } from "./fake-plugin.ts";
import { type PluginLimits, pluginLimits } from "./limits.ts";
import { isRunning, makePluginFolder, type PluginFolder, untilGone } from "./start-fake-plugin.ts";

const keyManager = "spire.plugin.server.keymanager.v1.KeyManager";

describe("RunningPlugin", { concurrency: 4 }, () => {
  let folder: PluginFolder;
  before(async () => {
    folder = await makePluginFolder();
  });
  after(async () => {
    await folder[Symbol.asyncDispose]();
  });

  let diaries = 0;

  /** A launch of the fake, and what it notes. */
  function plan(behaviour: FakePluginBehaviour) {
    const diary = join(folder.path, `diary-${diaries++}`);
    writeFileSync(diary, "");
    const lines = (): string[] => readFileSync(diary, "utf8").trim().split("\n");
    const noted = (what: string): string | undefined =>
      lines()
        .find((line) => line.startsWith(`${what} `))
        ?.slice(what.length + 1);
    return {
      launch: folder.launch({ ...behaviour, diary }),
      /** What it was asked to do. */
      deeds: () => lines().filter((line) => !/^(pid|grandchild) /.test(line)),
      pid: () => Number(noted("pid")),
      grandchild: () => Number(noted("grandchild")),
      /** Waits until it notes something. */
      until: async (what: string) => {
        while (!lines().some((line) => line.startsWith(what)))
          await new Promise((resolve) => setTimeout(resolve, 5));
      },
    };
  }

  it("starts, is asked to end in the right order, and leaves nothing", async () => {
    const { launch, deeds, pid } = plan({});
    const running = await folder.start(launch);
    assert.deepEqual([running.type, running.name, running.pid], ["KeyManager", "fake", pid()]);
    assert.deepEqual([...running.services], [keyManager, ConfigDefinition.fullName]);
    assert.equal(isRunning(running.pid), true);
    await running[Symbol.asyncDispose]();
    assert.deepEqual(await running.exited, { code: 0, signal: null });
    assert.deepEqual(deeds(), ["broker 1 unix", "init", "deinit", "shutdown"]);
    assert.equal(isRunning(running.pid), false);
  });

  it("tells the plugin what the host offers, and where", async () => {
    const hostServices = [ConfigDefinition].map((definition) => ({ definition, handlersFor: () => ({}) }));
    const { launch, deeds } = plan({});
    const running = await folder.start(launch, { hostServices });
    await running[Symbol.asyncDispose]();
    assert.deepEqual(deeds().slice(0, 2).sort(), ["broker 1 unix", `init ${ConfigDefinition.fullName}`]);
  });

  const failures: readonly [
    what: string,
    behaviour: FakePluginBehaviour,
    code: number,
    reason: string,
    message: RegExp,
  ][] = [
    [
      "ends",
      { init: "exit" },
      14,
      "PLUGIN_EXITED",
      /^plugin ended while it was being initialized \(exit status 3\): panic: out of luck$/,
    ],
    ["refuses", { init: "refuse" }, 13, "INTERNAL", /^no, thank you$/],
    ["answers garbage", { init: "garbage" }, 13, "INTERNAL", /pars/i],
    [
      "names services without end",
      { services: Array(101).fill("x") },
      13,
      "PLUGIN_RESPONSE",
      /^plugin names 101 services; no plugin offers more than 100$/,
    ],
  ];
  for (const [what, behaviour, code, reason, message] of failures)
    it(`fails when the plugin ${what} in Init, and leaves no process`, async () => {
      const { launch, pid } = plan(behaviour);
      await assert.rejects(folder.start(launch), { code, reason, message });
      assert.equal(isRunning(pid()), false);
    });

  it("takes a service that is named twice for one", async () => {
    await using running = await folder.start(folder.launch({ services: ["a", "b", "a"] }));
    assert.deepEqual([...running.services], ["a", "b"]);
  });

  for (const [where, behaviour] of [
    ["before its handshake", undefined],
    ["in Init", { init: "hang" }],
  ] as const)
    it(`ends a start that hangs ${where} as soon as it is aborted`, async () => {
      const stop = new AbortController();
      const { launch, pid, until } = plan(behaviour ?? {});
      const marker = join(folder.path, "sleeper");
      const script = folder.script(`echo pid $$ > ${marker}; exec sleep 60`);
      const starting = folder.start(behaviour === undefined ? script : launch, { signal: stop.signal });
      const failed = assert.rejects(starting, (error) => StatusError.from(error).reason === "CANCELLED");
      if (behaviour === undefined) await untilExists(marker);
      else await until("init");
      stop.abort();
      await failed;
      assert.equal(isRunning(behaviour === undefined ? pidIn(marker) : pid()), false);
    });

  it("starts nothing once it is aborted", async () => {
    await using own = await makePluginFolder();
    const script = own.script(`touch ${own.path}/started; exec sleep 60`);
    await assert.rejects(own.start(script, { signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal(existsSync(join(own.path, "started")), false);
    assert.deepEqual(readdirSync(own.socketFolder), ["alive"]);
  });

  it("leaves nothing where its socket was, however it ends", async () => {
    await using own = await makePluginFolder();
    const running = await own.start(own.launch());
    assert.equal(readdirSync(own.socketFolder).length, 2);
    running.kill();
    assert.deepEqual(await running.exited, { code: null, signal: "SIGKILL" });
    await running[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(own.socketFolder), ["alive"]);
  });

  it("does not wait for ever for Init", async () => {
    const { launch, pid } = plan({ init: "block" });
    const limits = { ...pluginLimits, initMs: 50, shutdownMs: 50, exitMs: 50 };
    await assert.rejects(folder.start(launch, { limits }), { code: 4, reason: "DEADLINE_EXCEEDED" });
    assert.equal(isRunning(pid()), false);
  });

  const noDeinit = "Failed to deinitialize plugin";
  const late = "Plugin failed to exit gracefully";
  const stubborn: readonly {
    readonly what: string;
    readonly behaviour: FakePluginBehaviour;
    /** Only what the plugin exceeds in any case is short. */
    readonly limits: Partial<PluginLimits>;
    readonly signal: string | null;
    readonly warnings: readonly string[];
  }[] = [
    {
      what: "has no Deinit and no Shutdown",
      behaviour: { deinit: "unimplemented", shutdown: "unimplemented" },
      limits: { exitMs: 50 },
      signal: "SIGKILL",
      warnings: [late],
    },
    {
      what: "refuses Deinit",
      behaviour: { deinit: "refuse" },
      limits: {},
      signal: null,
      warnings: [noDeinit],
    },
    {
      what: "hangs in Deinit",
      behaviour: { deinit: "hang" },
      limits: { deinitMs: 50 },
      signal: null,
      warnings: [noDeinit],
    },
    {
      what: "answers nothing from Deinit on",
      behaviour: { deinit: "block" },
      limits: { deinitMs: 50, shutdownMs: 50, exitMs: 50 },
      signal: "SIGKILL",
      warnings: [noDeinit, late],
    },
    {
      what: "ignores Shutdown and SIGTERM",
      behaviour: { shutdown: "ignore", ignoreSigterm: true },
      limits: { exitMs: 50 },
      signal: "SIGKILL",
      warnings: [late],
    },
  ];
  for (const { what, behaviour, limits, signal, warnings } of stubborn)
    it(`ends a plugin that ${what}`, async () => {
      const logger = captureLog();
      // Ours would end with its standard input.
      const launch = { ...folder.launch(behaviour), lifeline: false };
      const running = await folder.start(launch, { logger, limits: { ...pluginLimits, ...limits } });
      await running[Symbol.asyncDispose]();
      assert.equal((await running.exited).signal, signal);
      assert.deepEqual(
        logger.lines
          .filter(({ level }) => level === "warn" || level === "error")
          .map(({ message }) => message),
        warnings,
      );
    });

  it("ends what the plugin started, however the plugin ends", async () => {
    for (const how of ["asked", "killed"]) {
      const { launch, grandchild } = plan({ grandchild: true });
      const running = await folder.start(launch);
      assert.equal(isRunning(grandchild()), true);
      if (how === "killed") {
        process.kill(running.pid, "SIGKILL");
        await running.exited;
      } else await running[Symbol.asyncDispose]();
      await untilGone(grandchild());
      await running[Symbol.asyncDispose]();
    }
  });

  it("says no goodbye to a plugin that is gone", async () => {
    const logger = captureLog();
    const running = await folder.start(folder.launch(), { logger });
    process.kill(running.pid, "SIGKILL");
    assert.deepEqual(await running.exited, { code: null, signal: "SIGKILL" });
    await running[Symbol.asyncDispose]();
    assert.deepEqual(
      logger.lines.filter(({ level }) => level !== "trace").map(({ message }) => message),
      [],
    );
  });

  it("refuses a message that is larger than any answer", async () => {
    await using running = await folder.start(folder.launch({ noteLength: 65 << 20 }));
    const config = createClient(ConfigDefinition, running.channel);
    await assert.rejects(config.validate({}), { code: 8, reason: "RESOURCE_EXHAUSTED" });
    await config.configure({});
  });

  it("takes messages that are larger than gRPC's usual limit", async () => {
    await using running = await folder.start(folder.launch({ noteLength: 5 << 20 }));
    const { notes } = await createClient(ConfigDefinition, running.channel).validate({});
    assert.equal(notes[0]?.length, 5 << 20);
  });

  it("logs what the plugin prints by way of go-plugin, line by line, and needs no such service", async () => {
    const logger = captureLog();
    const bytes = Buffer.from("one\ntwö\nrest");
    // The second piece ends within a character.
    const prints = [bytes.subarray(0, 2), bytes.subarray(2, 7), bytes.subarray(7)].map((piece) =>
      piece.toString("base64"),
    );
    const running = await folder.start(folder.launch({ prints }), { logger });
    const output = () =>
      logger.lines.filter(({ message }) => message === "Plugin output").map(({ fields }) => fields.output);
    while (output().length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(output(), ["one", "twö"]);
    await running[Symbol.asyncDispose]();
    await using silent = await folder.start(folder.launch({ withoutStdio: true }));
    assert.equal(isRunning(silent.pid), true);
  });

  it("makes a plugin wait that floods by way of go-plugin, and goes on calling it", async () => {
    const logger = captureLog();
    const clock = new FakeClock();
    await using running = await folder.start(folder.launch({ floodsStdio: true }), { logger, clock });
    while (!logger.lines.some(({ level }) => level === "warn"))
      await new Promise((resolve) => setTimeout(resolve, 5));
    const outputs = () => logger.lines.filter(({ message }) => message === "Plugin output").length;
    assert.equal(outputs(), 4097);
    const config = createClient(ConfigDefinition, running.channel);
    for (let count = 0; count < 10; count++) await config.configure({});
    assert.equal(outputs(), 4097);
    await clock.advance(1000);
    while (outputs() < 4098) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(
      logger.lines.filter(({ level }) => level === "warn").map(({ message, fields }) => [message, fields]),
      [["Plugin writes more than is read, and has to wait", { pipe: "go-plugin's stdio" }]],
    );
  });

  it("ends with the host, whatever ends the host", async () => {
    const program = `
      import { makePluginFolder } from ${JSON.stringify(join(import.meta.dirname, "start-fake-plugin.ts"))};
      const folder = await makePluginFolder();
      const { pid } = await folder.start({ ...folder.launch(), lifeline: false });
      console.log(pid);
      setInterval(() => {}, 60_000);`;
    const host = spawn(process.execPath, ["--conditions=source", "--input-type=module", "--eval", program], {
      env: { ...process.env, TMPDIR: folder.path },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = await once(host.stdout.setEncoding("utf8"), "data");
    assert.equal(isRunning(Number(line)), true);
    host.kill("SIGKILL");
    await untilGone(Number(line));
  });

  describe("with a checksum", () => {
    /** A script with a checksum; it says where it runs from, and ends. */
    function makeScript(name: string) {
      const file = join(folder.path, name);
      writeFileSync(file, `#!/bin/sh\necho "$0: $(cat "$(dirname "$0")/beside")" >&2\nexit 1\n`);
      chmodSync(file, 0o755);
      writeFileSync(join(folder.path, "beside"), "what lies beside");
      const sha256 = createHash("sha256").update(readFileSync(file)).digest("hex");
      return { ...folder.script(""), file, args: [], checksum: { file, sha256, pinned: true } };
    }

    it("runs what was verified, and not what is there by then", async () => {
      const launch = makeScript("verified");
      await assert.rejects(folder.start(launch), ({ message }: Error) => {
        const said = /\(exit status 1\): (.*)\/verified: what lies beside$/.exec(message)?.[1];
        assert.ok(said?.startsWith(join(folder.socketFolder, "run-")), message);
        return true;
      });
      assert.deepEqual(
        readdirSync(folder.socketFolder).filter((name) => name.startsWith("run-")),
        [],
      );
    });

    it("starts nothing that is not what was promised", async () => {
      const launch = makeScript("changed");
      writeFileSync(launch.file, '#!/bin/sh\ntouch "$0.ran"\n');
      for (const pinned of [true, false])
        await assert.rejects(folder.start({ ...launch, checksum: { ...launch.checksum, pinned } }), {
          code: 9,
          reason: "CHECKSUM",
          message: `failed to launch plugin: checksums did not match for "${launch.file}"`,
        });
      assert.equal(statSync(`${launch.file}.ran`, { throwIfNoEntry: false }), undefined);
    });

    it("does not make a program of a file that is none", async () => {
      const launch = makeScript("plain");
      chmodSync(launch.file, 0o644);
      await assert.rejects(folder.start(launch), {
        reason: "PLUGIN_SPAWN",
        message: `failed to launch plugin: fork/exec ${launch.file}: permission denied`,
      });
    });
  });

  it("keeps other users out of both its sockets", {
    skip: process.getuid?.() !== 0 && "needs root",
  }, async () => {
    await using running = await folder.start(folder.launch());
    chmodSync(folder.path, 0o755);
    const sockets = readdirSync(folder.socketFolder, { recursive: true, encoding: "utf8" }).filter((name) =>
      /\/(host|fake)-/.test(name),
    );
    assert.ok(sockets.some((name) => name.includes("/host-")));
    const mine = sockets.find((name) => name.endsWith(`/fake-${running.pid}`));
    assert.ok(mine !== undefined);
    // A folder for each process: no plugin need know where another's is.
    assert.deepEqual(sockets.filter((name) => dirname(name) === dirname(mine)).length, 2);
    const open = join(folder.path, "open");
    await using door = createServer().listen(open);
    await once(door, "listening");
    chmodSync(open, 0o777);
    const paths = [open, ...sockets.map((name) => join(folder.socketFolder, name))];
    const program = `for (const path of process.argv.slice(1))
      require("node:net").connect(path)
        .on("connect", function () { console.log("open"); this.destroy(); })
        .on("error", ({ code }) => console.log(code));`;
    const stranger = spawn(process.execPath, ["--eval", program, ...paths], {
      uid: 65534,
      gid: 65534,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const said = (await stranger.stdout.setEncoding("utf8").toArray()).join("").trim().split("\n").sort();
    // The first shows that it could connect to what is open.
    assert.deepEqual(said, [...sockets.map(() => "EACCES"), "open"]);
  });
});

async function untilExists(path: string): Promise<void> {
  while (!statSync(path, { throwIfNoEntry: false })?.size)
    await new Promise((resolve) => setTimeout(resolve, 5));
}

function pidIn(path: string): number {
  return Number(readFileSync(path, "utf8").split(" ")[1]);
}
