import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { HealthDefinition } from "@finial/proto/grpc/health/v1/health";
import { addService, createClient, openChannel } from "@finial/sdk/internal";
import { captureLog } from "@finial/sdk/testing";
import { credentials, Server } from "@grpc/grpc-js";
import type { PeerProcess } from "./peer-credentials.ts";
import { Peers } from "./peers.ts";
import { UnixListener } from "./unix-listener.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-listener-"));
after(() => rmSync(folder, { recursive: true }));

async function listen(path: string, mode = 0o770) {
  const server = new Server();
  const peers = new Peers<PeerProcess>();
  const callers: { pid: number; uid: number; gid: number; alive: boolean }[] = [];
  addService(server, HealthDefinition, {
    check: (_, context) => {
      const { pid, uid, gid, ...peer } = peers.of(context);
      callers.push({ pid, uid, gid, alive: peer.isAlive() });
      return { status: 1 };
    },
  });
  const listener = await UnixListener.start({
    path,
    mode,
    server,
    peers,
    logger: captureLog(),
  });
  return { listener, callers };
}

async function check(path: string): Promise<number> {
  using channel = openChannel(`unix:${path}`, credentials.createInsecure());
  const { status } = await createClient(HealthDefinition, channel).check({}, { deadlineMs: 5000 });
  return status;
}

describe("UnixListener.start()", () => {
  it("serves gRPC and knows the process that calls", async () => {
    const path = join(folder, "new", "api.sock");
    const { listener, callers } = await listen(path);
    await using _ = listener;
    assert.deepEqual([await check(path), await check(path)], [1, 1]);
    const self = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.(), alive: true };
    assert.deepEqual(callers, [self, self]);
    assert.equal(statSync(path).mode & 0o777, 0o770);
  });

  for (const [mode, folderMode] of [
    [0o777, 0o755],
    [0o770, 0o750],
  ] as const)
    it(`makes folders through which those get who may use a socket of mode ${mode.toString(8)}`, async () => {
      const umask = process.umask(0o027);
      try {
        const path = join(folder, `mode-${mode.toString(8)}`, "below", "api.sock");
        const { listener } = await listen(path, mode);
        await using _ = listener;
        const modes = [path, dirname(path), dirname(dirname(path))].map(
          (each) => statSync(each).mode & 0o777,
        );
        assert.deepEqual(modes, [mode, folderMode, folderMode]);
      } finally {
        process.umask(umask);
      }
    });

  it("takes the place of a socket that nobody serves any more", async () => {
    const path = join(folder, "left.sock");
    const { listener } = await listen(path);
    await listener[Symbol.asyncDispose]();
    const again = await listen(path);
    await using _ = again.listener;
    assert.equal(await check(path), 1);
  });

  it("leaves a socket alone that is served", async () => {
    const path = join(folder, "served.sock");
    await using other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(path, resolve);
    });
    await assert.rejects(listen(path), {
      reason: "SOCKET_UNUSABLE",
      message: `cannot listen on ${path}: another process is listening on it`,
    });
  });

  it("leaves a file alone that is no socket", async () => {
    const path = join(folder, "file");
    writeFileSync(path, "");
    await assert.rejects(listen(path), {
      message: `cannot listen on ${path}: there is a file that is not a socket`,
    });
  });

  it("refuses a path that the kernel would cut off", async () => {
    const path = join(folder, "x".repeat(100));
    await assert.rejects(listen(path), { reason: "SOCKET_PATH_LENGTH" });
  });
});
