import assert from "node:assert/strict";
import { spawn as spawnProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Code, StatusError, systemClock } from "@finial/sdk";
import { type CapturedLog, captureLog, FakeClock } from "@finial/sdk/testing";
import { keepInheritedDescriptors } from "../lifecycle/inherited-descriptors.ts";
import type { Launch } from "./launch.ts";
import { type PluginLimits, pluginLimits } from "./limits.ts";
import { PluginProcess } from "./plugin-process.ts";
import { isRunning, untilGone } from "./start-fake-plugin.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-process-"));
after(() => rmSync(folder, { recursive: true }));

/** Runs a shell script as a plugin. */
function launchOf(script: string, more: Partial<Launch> = {}): Launch {
  return {
    file: "/bin/sh",
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin", DIR: folder },
    sealed: false,
    lifeline: false,
    baseName: "sh",
    checksum: undefined,
    ...more,
  };
}

function spawn(
  script: string,
  {
    logger = captureLog(),
    clock = systemClock,
    limits = {},
    ...more
  }: Partial<Launch> & {
    logger?: CapturedLog;
    clock?: typeof systemClock;
    limits?: Partial<PluginLimits>;
  } = {},
): Promise<PluginProcess> {
  return PluginProcess.spawn(launchOf(script, more), {
    logger,
    clock,
    limits: { ...pluginLimits, ...limits },
  });
}

/** What a script leaves in a file, once it is there whole. */
async function read(name: string): Promise<string> {
  const path = join(folder, name);
  while (!existsSync(path) || !readFileSync(path, "utf8").endsWith("\n"))
    await new Promise((resolve) => setTimeout(resolve, 5));
  return readFileSync(path, "utf8").trim();
}

const line = 'echo "1|1|unix|/tmp/s|grpc"';

describe("PluginProcess.handshake()", { concurrency: 4 }, () => {
  it("reads the line, and goes on reading what is of no interest", async () => {
    // More than any pipe holds: the script ends only if it is read.
    await using plugin = await spawn(`${line}; head -c 1000000 /dev/zero; exit 4`);
    assert.deepEqual(await plugin.handshake(), {
      network: "unix",
      address: "/tmp/s",
      certificateDer: undefined,
    });
    assert.deepEqual(await plugin.exited, { code: 4, signal: null });
  });

  it("takes a line without an end when nothing follows", async () => {
    await using plugin = await spawn("printf '1|1|unix|/tmp/s|grpc'");
    assert.equal((await plugin.handshake()).address, "/tmp/s");
  });

  const failures: readonly [what: string, script: string, reason: string, message: string][] = [
    ["says something else", "echo hello", "HANDSHAKE_FORMAT", "Unrecognized remote plugin message: hello"],
    [
      "speaks another version",
      "echo '1|2|unix|/tmp/s|grpc'",
      "HANDSHAKE_APP_VERSION",
      "incompatible API version with plugin. Plugin version: 2, Client versions: [1]",
    ],
    [
      "prints without end and without a line",
      "head -c 100000 /dev/zero | tr '\\0' x; sleep 60",
      "HANDSHAKE_FORMAT",
      `Unrecognized remote plugin message: ${"x".repeat(264)}…`,
    ],
    [
      "ends",
      "echo 'exec: no such library' >&2; exit 127",
      "HANDSHAKE_MISSING",
      "plugin ended before it said where it listens (exit status 127): exec: no such library",
    ],
    [
      "is killed",
      "kill -9 $$",
      "HANDSHAKE_MISSING",
      "plugin ended before it said where it listens (killed by SIGKILL)",
    ],
    [
      "says nothing, and closes its output",
      "exec >&-; exec sleep 60",
      "HANDSHAKE_MISSING",
      "plugin ended before it said where it listens (its standard output closed)",
    ],
    [
      "ends, and leaves its output to another",
      "setsid sleep 60 & exit 5",
      "HANDSHAKE_MISSING",
      "plugin ended before it said where it listens (exit status 5)",
    ],
    [
      "says an empty line",
      "echo; exec sleep 60",
      "HANDSHAKE_MISSING",
      "plugin ended before it said where it listens (its standard output closed)",
    ],
  ];
  for (const [what, script, reason, message] of failures)
    it(`fails when the plugin ${what}, and leaves no process`, async () => {
      const plugin = await spawn(script);
      await assert.rejects(plugin.handshake(), {
        code: 9,
        reason,
        message: `failed to launch plugin: ${message}`,
      });
      await plugin[Symbol.asyncDispose]();
      assert.equal(isRunning(plugin.pid), false);
    });

  it("waits a minute for a plugin that says nothing, and no longer for what comes late", async () => {
    const clock = new FakeClock();
    const plugin = await spawn("exec sleep 60", { clock });
    let isOver = false;
    const handshake = plugin.handshake().finally(() => {
      isOver = true;
    });
    const failed = assert.rejects(handshake, {
      code: 9,
      reason: "HANDSHAKE_TIMEOUT",
      message: "failed to launch plugin: timeout while waiting for plugin to start",
    });
    await clock.advance(59_999);
    assert.equal(isOver, false);
    await clock.advance(1);
    await failed;
    await plugin[Symbol.asyncDispose]();
    assert.deepEqual(await plugin.exited, { code: null, signal: "SIGKILL" });
  });

  it("ends with its signal", async () => {
    await using plugin = await spawn("exec sleep 60");
    const stop = new AbortController();
    const handshake = plugin.handshake({ signal: stop.signal });
    stop.abort();
    await assert.rejects(handshake, { name: "AbortError" });
  });
});

describe("PluginProcess.spawn()", { concurrency: 4 }, () => {
  it("says in Go's words what cannot be run, and looks nothing up in the PATH", async () => {
    const none = join(folder, "none");
    const plain = join(folder, "plain");
    writeFileSync(plain, "");
    for (const [file, why] of [
      [none, "no such file or directory"],
      [plain, "permission denied"],
      ["sh", "no such file or directory"],
    ] as const)
      await assert.rejects(spawn("", { file }), {
        code: 9,
        reason: "PLUGIN_SPAWN",
        message: `failed to launch plugin: fork/exec ${file}: ${why}`,
      });
  });

  it("tells of a file that is no program by what became of it", async () => {
    const file = join(folder, "noise");
    writeFileSync(file, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 0]));
    chmodSync(file, 0o755);
    await using plugin = await spawn("", { file, args: [] });
    await assert.rejects(plugin.handshake(), {
      reason: "HANDSHAKE_MISSING",
      message:
        /^failed to launch plugin: plugin ended before it said where it listens \(exit status \d+\): .*noise/,
    });
  });

  it("runs it in a process group of its own, in our folder, with nothing but the given environment", async () => {
    await using plugin = await spawn(
      'ps -o pgid= -p $$ > "$DIR/group"; pwd > "$DIR/folder"; env | sort > "$DIR/env"; exec sleep 60',
    );
    assert.equal(Number(await read("group")), plugin.pid);
    assert.equal(await read("folder"), process.cwd());
    assert.deepEqual(
      (await read("env")).split("\n").filter((each) => !/^(_|PWD|OLDPWD|SHLVL)=/.test(each)),
      [`DIR=${folder}`, "PATH=/usr/bin:/bin"],
    );
  });

  it("gives none of its descriptors away, and an empty standard input to a stranger", async () => {
    // As the daemons do: whoever runs this may have left something open.
    keepInheritedDescriptors();
    // A shell that starts others opens nothing itself, not even for a moment.
    const stay = "while :; do sleep 1; done";
    await using plugin = await spawn(`cat > "$DIR/in"; /bin/echo >> "$DIR/in"; ${stay}`);
    assert.equal(await read("in"), "");
    await using file = await open(join(folder, "in"));
    await using other = await spawn(`/bin/echo > "$DIR/up"; ${stay}`);
    await read("up");
    assert.equal(readlinkSync(`/proc/self/fd/${file.fd}`), join(folder, "in"));
    for (const { pid } of [plugin, other]) {
      const descriptors = readdirSync(`/proc/${pid}/fd`);
      assert.deepEqual(descriptors, ["0", "1", "2"]);
      const targets = descriptors.map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
      assert.equal(targets[0], "/dev/null");
      assert.equal(targets.includes(join(folder, "in")), false);
      // Its own ends of two pipes, and none of the other's.
      assert.equal(targets.filter((target) => target.startsWith("socket:")).length, 2);
    }
  });

  it("logs what it says on standard error, as lines", async () => {
    const logger = captureLog();
    await using plugin = await spawn(`echo '{"@level":"info","@message":"ready"}' >&2; printf 'no end' >&2`, {
      logger,
    });
    await plugin.exited;
    while (logger.lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [
        ["info", "ready"],
        ["debug", "no end"],
      ],
    );
  });

  it("makes a plugin wait that floods, and says so once", async () => {
    const logger = captureLog();
    const clock = new FakeClock();
    for (const pipe of ["stdout", "stderr"]) {
      const where = pipe === "stdout" ? "" : ">&2";
      await using plugin = await spawn(`echo x; trap '' PIPE; exec yes ${"y".repeat(1000)} ${where}`, {
        logger,
        clock,
      });
      await plugin.handshake().catch(() => undefined);
      while (!logger.lines.some(({ fields }) => fields.pipe === pipe))
        await new Promise((resolve) => setTimeout(resolve, 5));
      const lines = logger.lines.length;
      // Time stands still: nothing more is read.
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.equal(logger.lines.length, lines);
      assert.equal(isRunning(plugin.pid), true);
      assert.equal(plugin.isFlooding, true);
      const ending = plugin[Symbol.asyncDispose]();
      await clock.advance(10_000);
      await ending;
    }
    const waits = "Plugin writes more than is read, and has to wait";
    assert.deepEqual(
      logger.lines
        .filter(({ level }) => level === "warn")
        .map(({ message, fields }) => [message, fields.pipe]),
      [
        ["Plugin writes to its standard output, which nobody reads after its first line", undefined],
        [waits, "stdout"],
        [waits, "stderr"],
      ],
    );
  });
});

describe("PluginProcess disposal", { concurrency: 4 }, () => {
  it("waits for a plugin that ends by itself when asked to, and for its last words", async () => {
    const logger = captureLog();
    const plugin = await spawn(`${line}; cat; echo bye >&2; exit 6`, { lifeline: true, logger });
    await plugin.handshake();
    await plugin[Symbol.asyncDispose]();
    assert.deepEqual(await plugin.exited, { code: 6, signal: null });
    assert.deepEqual(
      logger.lines.filter(({ level }) => level === "warn"),
      [],
    );
  });

  it("kills one that takes too long, though it ignores all it can", async () => {
    const logger = captureLog();
    const script = `trap '' TERM INT HUP PIPE; ${line}; while :; do sleep 1; done`;
    const plugin = await spawn(script, { logger, limits: { exitMs: 20 } });
    await plugin.handshake();
    await plugin[Symbol.asyncDispose]();
    assert.deepEqual(await plugin.exited, { code: null, signal: "SIGKILL" });
    assert.deepEqual(
      logger.lines.map(({ level, message }) => [level, message]),
      [["warn", "Plugin failed to exit gracefully"]],
    );
  });

  it("kills one at once that has not said where it listens", async () => {
    // Time stands still: there is nothing to wait for.
    const plugin = await spawn("exec sleep 60", { clock: new FakeClock() });
    await plugin[Symbol.asyncDispose]();
    assert.equal(isRunning(plugin.pid), false);
  });

  it("ends what a wrapper started", async () => {
    const plugin = await spawn(`sh -c 'echo $$ > "$DIR/wrapped"; ${line}; sleep 60; :'; :`, {
      limits: { exitMs: 20 },
    });
    await plugin.handshake();
    const wrapped = Number(await read("wrapped"));
    assert.notEqual(wrapped, plugin.pid);
    await plugin[Symbol.asyncDispose]();
    await untilGone(wrapped);
  });

  it("lets go of pipes that others hold open, so that the host can end", async () => {
    const launch = launchOf(`${line}; setsid sh -c 'echo $$ > "$DIR/left"; exec sleep 60' & wait`);
    const program = `
      import { systemClock } from "@finial/sdk";
      import { captureLog } from "@finial/sdk/testing";
      import { PluginProcess } from ${JSON.stringify(join(import.meta.dirname, "plugin-process.ts"))};
      const surroundings = { logger: captureLog(), clock: systemClock, limits: { startMs: 60_000, exitMs: 20 } };
      const plugin = await PluginProcess.spawn(${JSON.stringify(launch)}, surroundings);
      await plugin.handshake();
      process.stdin.once("end", () => plugin[Symbol.asyncDispose]()).resume();`;
    const args = ["--conditions=source", "--input-type=module", "--eval", program];
    const host = spawnProcess(process.execPath, args, {
      cwd: import.meta.dirname,
      stdio: ["pipe", "inherit", "inherit"],
    });
    const left = Number(await read("left"));
    host.stdin.end();
    const [status] = await once(host, "exit");
    assert.deepEqual([status, isRunning(left)], [0, true]);
    process.kill(left, "SIGKILL");
  });
});

describe("PluginProcess.explain()", () => {
  it("tells of the end of the process instead of the connection's", async () => {
    await using plugin = await spawn("echo 'panic: out of luck' >&2; exit 2");
    await plugin.exited;
    const unavailable = new StatusError(Code.Unavailable, "UNAVAILABLE", "connection error");
    const { code, reason, message } = await plugin.explain(unavailable, "while it was being configured");
    assert.deepEqual(
      [code, reason, message],
      [14, "PLUGIN_EXITED", "plugin ended while it was being configured (exit status 2): panic: out of luck"],
    );
    const own = new StatusError(Code.InvalidArgument, "X", "unknown key");
    assert.equal(await plugin.explain(own, "while it was being configured"), own);
  });

  it("keeps the connection's words for one that lives", async () => {
    const clock = new FakeClock();
    await using plugin = await spawn("exec sleep 60", { clock });
    const unavailable = new StatusError(Code.Unavailable, "UNAVAILABLE", "connection error");
    const explained = plugin.explain(unavailable, "while it was being configured");
    await clock.advance(1000);
    assert.equal(await explained, unavailable);
  });
});
