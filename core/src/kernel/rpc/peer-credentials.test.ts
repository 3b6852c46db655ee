import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  constants,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type PeerProcess, pinByStartTime, readPeerProcess } from "./peer-credentials.ts";

/** Connects, says so, and stays. */
const staying = `require("node:net").connect(process.argv[1], () => console.log("connected")).resume();`;
/** Connects, leaves the open socket to another process, and ends. */
const leaving = `const socket = require("node:net").connect(process.argv[1], () => {
  const heir = require("node:child_process").spawn("sleep", ["60"], { stdio: [socket, "ignore", "ignore"] });
  console.log(heir.pid);
  process.exit();
});`;

const lastPidPath = "/proc/sys/kernel/ns_last_pid";

/** Asks again and again whether a peer is there, under a profiler, which sends its own process thousands of signals. */
const asking = `
import { connect, createServer } from "node:net";
import { readPeerProcess } from ${JSON.stringify(join(import.meta.dirname, "peer-credentials.ts"))};
const [path] = process.argv.slice(-1);
createServer((socket) => {
  const peer = readPeerProcess(socket._handle.fd);
  let missed = 0;
  for (let time = 0; time < 200_000; time++) if (!peer.isAlive()) missed++;
  console.log(missed);
  process.exit();
}).listen(path, () => connect(path));
`;

describe("readPeerProcess()", () => {
  const folder = mkdtempSync(join(tmpdir(), "finial-peer-"));
  const path = join(folder, "s");
  let server: Server;
  const children = new Set<ChildProcess>();

  before(async () => {
    server = createServer().listen(path);
    await once(server, "listening");
  });

  after(async () => {
    for (const child of children) child.kill("SIGKILL");
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true });
  });

  /** Runs a program that connects. */
  async function start(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    child.once("exit", () => children.delete(child));
    const said = once(child.stdout.setEncoding("utf8"), "data");
    const [socket] = (await once(server, "connection")) as [Socket & { _handle: { fd: number } }];
    return { child, said, socket, fd: socket._handle.fd };
  }

  function node(program: string) {
    return start(process.execPath, ["--eval", program, path]);
  }

  it("names the process that connected, and sees it end", async () => {
    const { child, socket, fd } = await node(staying);
    using peer = readPeerProcess(fd);
    const { pid, uid, gid } = peer;
    assert.deepEqual({ pid, uid, gid }, { pid: child.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    assert.equal(peer.isAlive(), true);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(peer.isAlive(), false);
    socket.destroy();
  });

  it("does not take the heir of a socket for the process that connected", async () => {
    const { child, said, socket, fd } = await node(leaving);
    const exited = once(child, "exit");
    const peer = pinned(fd);
    const heir = Number((await said)[0]);
    await exited;
    assert.notEqual(peer?.pid, heir);
    assert.notEqual(peer?.isAlive(), true);
    assert.equal(socket.readyState, "open");
    peer?.[Symbol.dispose]();
    process.kill(heir, "SIGKILL");
    socket.destroy();
  });

  /** The process may be gone by now: then there is nothing to pin. */
  function pinned(fd: number): PeerProcess | undefined {
    try {
      return readPeerProcess(fd);
    } catch (error) {
      assert.equal((error as { reason?: string }).reason, "PEER_GONE");
      return undefined;
    }
  }

  it("takes a process for ended that nobody has waited for", async () => {
    // The shell starts it and becomes a program that waits for nobody.
    const shell = '"$0" --eval "$1" "$2" & echo $!; exec sleep 60';
    const { child, said, socket, fd } = await start("sh", ["-c", shell, process.execPath, staying, path]);
    const pid = Number((await said)[0]);
    using byPidfd = readPeerProcess(fd);
    using byStartTime = pinByStartTime(byPidfd);
    assert.deepEqual([byPidfd.pid, byPidfd.isAlive(), byStartTime.isAlive()], [pid, true, true]);
    const closed = once(socket, "close");
    socket.resume();
    process.kill(pid, "SIGKILL");
    await closed;
    // The last of its threads may take a moment longer than its sockets.
    while (readdirSync(`/proc/${pid}/task`).length > 1 || !isZombie(pid)) await turn();
    assert.deepEqual([byPidfd.isAlive(), byStartTime.isAlive()], [false, false]);
    child.kill("SIGKILL");
  });

  it("does not take a process for another that has its pid by now", async (t) => {
    if (!canChoosePids()) return t.skip(`choosing a pid needs ${lastPidPath}`);
    const { child, socket, fd } = await node(staying);
    using byPidfd = readPeerProcess(fd);
    using byStartTime = pinByStartTime(byPidfd);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    socket.destroy();
    await using _ = await startWithPid(byPidfd.pid);
    assert.deepEqual([byPidfd.isAlive(), byStartTime.isAlive()], [false, false]);
  });

  it("does not take a signal to its own process for the other's end", () => {
    const profiler = ["--cpu-prof", "--cpu-prof-interval=50", `--cpu-prof-dir=${folder}`];
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [...profiler, "--conditions=source", "--input-type=module", "--eval", asking, "--", join(folder, "a")],
      { encoding: "utf8" },
    );
    assert.deepEqual([stdout, stderr], ["0\n", ""]);
  });

  it("leaves no descriptor behind", async () => {
    const { child, socket, fd } = await node(staying);
    const descriptors = (): number => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    for (let count = 0; count < 10; count++) {
      using peer = readPeerProcess(fd);
      assert.ok(peer.isAlive());
    }
    const peer = readPeerProcess(fd);
    // A second time must not close what has the number by then.
    peer[Symbol.dispose]();
    peer[Symbol.dispose]();
    assert.equal(peer.isAlive(), false);
    assert.equal(descriptors(), before);
    child.kill("SIGKILL");
    socket.destroy();
  });

  it("says of a descriptor that is no socket that the process is gone", () => {
    assert.throws(() => readPeerProcess(9999), {
      code: 14,
      reason: "PEER_GONE",
      message: "the process that connected is gone",
    });
  });
});

describe("pinByStartTime()", () => {
  it("sees a process live and end", async () => {
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    await once(child, "spawn");
    using peer = pinByStartTime({ pid: child.pid ?? 0, uid: 0, gid: 0 });
    assert.equal(peer.isAlive(), true);
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(peer.isAlive(), false);
  });

  it("refuses what is gone, or cannot be seen from here", () => {
    for (const pid of [0, 2 ** 22 + 1])
      assert.throws(() => pinByStartTime({ pid, uid: 0, gid: 0 }), { reason: "PEER_GONE" });
  });
});

function isZombie(pid: number): boolean {
  return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function canChoosePids(): boolean {
  try {
    accessSync(lastPidPath, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Other processes start as well: until it is this one that gets the pid. */
async function startWithPid(pid: number): Promise<AsyncDisposable> {
  for (;;) {
    writeFileSync(lastPidPath, String(pid - 1));
    const child = spawn("sleep", ["60"], { stdio: "ignore" });
    const exited = once(child, "exit");
    const end = async (): Promise<void> => {
      child.kill("SIGKILL");
      await exited;
    };
    if (child.pid === pid) return { [Symbol.asyncDispose]: end };
    await end();
  }
}
