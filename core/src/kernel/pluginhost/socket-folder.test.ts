import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SocketFolder } from "./socket-folder.ts";

function makeParent(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "socket-folder-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** What a daemon leaves behind that is killed; its path. */
function leaveOneBehind(parent: string): string {
  const module = join(import.meta.dirname, "socket-folder.ts");
  const script = `import { SocketFolder } from ${JSON.stringify(module)};
    const folder = await SocketFolder.make(${JSON.stringify(parent)});
    process.stdout.write(folder.path, () => process.kill(process.pid, "SIGKILL"));`;
  const flags = ["--conditions=source", "--input-type=module"];
  const { stdout } = spawnSync(process.execPath, [...flags, "-e", script], { encoding: "utf8" });
  assert.ok(existsSync(join(stdout, "alive")), "the killed process leaves its folder");
  return stdout;
}

describe("SocketFolder", () => {
  it("is for its owner only, and gone with all that is in it", async () => {
    using parent = makeParent();
    const folder = await SocketFolder.make(parent.path);
    assert.equal(statSync(folder.path).mode & 0o777, 0o700);
    mkdirSync(join(folder.path, "pluginX"));
    await folder[Symbol.asyncDispose]();
    assert.equal(existsSync(folder.path), false);
  });

  it("removes what a killed daemon left, and nothing of a living one", async () => {
    using parent = makeParent();
    const left = leaveOneBehind(parent.path);
    await using first = await SocketFolder.make(parent.path);
    assert.equal(existsSync(left), false);
    await using second = await SocketFolder.make(parent.path);
    assert.ok(existsSync(first.path));
    assert.notEqual(first.path, second.path);
  });

  it("leaves alone what it cannot judge", async () => {
    using parent = makeParent();
    const starting = join(parent.path, "finial-sockets-starts");
    mkdirSync(starting);
    await using _ = await SocketFolder.make(parent.path);
    assert.ok(existsSync(starting));
  });

  it("refuses a parent whose name leaves no room for a socket's, and leaves nothing there", async () => {
    using parent = makeParent();
    const roomFor = (length: number): string => {
      const path = join(parent.path, "x".repeat(length - parent.path.length - 1));
      mkdirSync(path);
      return path;
    };
    // 107 octets, less the folder's own name and the longest below it.
    const longest = roomFor(107 - "/finial-sockets-XXXXXX".length - "/pXXXXXX/plugin4294967295".length);
    await using _ = await SocketFolder.make(longest);
    const tooLong = `${longest}x`;
    mkdirSync(tooLong);
    await assert.rejects(SocketFolder.make(tooLong), {
      code: 9,
      reason: "SOCKET_PATH_LENGTH",
      message: `the temporary folder ${tooLong} has too long a name for the sockets of plugins; set TMPDIR to a shorter one`,
    });
    assert.deepEqual(readdirSync(tooLong), []);
  });
});
