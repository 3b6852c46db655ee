import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { atomicWritePrivateFile } from "./private-file.ts";

async function folder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "private-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe("atomicWritePrivateFile()", () => {
  it("replaces a file, whatever its mode, with one only its owner reads, and leaves no draft", async () => {
    await using dir = await folder();
    const path = join(dir.path, "keys.json");
    await writeFile(path, "old");
    await chmod(path, 0o644);
    await writeFile(`${path}.tmp`, "half a dra");
    await chmod(`${path}.tmp`, 0o666);
    await atomicWritePrivateFile(path, Buffer.from("new"));
    assert.equal(await readFile(path, "utf8"), "new");
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(dir.path), ["keys.json"]);
  });

  it("writes through no link that stands in the draft's place", async () => {
    await using dir = await folder();
    const path = join(dir.path, "keys.json");
    await writeFile(join(dir.path, "elsewhere"), "theirs");
    await symlink(join(dir.path, "elsewhere"), `${path}.tmp`);
    await atomicWritePrivateFile(path, Buffer.from("new"));
    assert.equal(await readFile(join(dir.path, "elsewhere"), "utf8"), "theirs");
    assert.equal(await readFile(path, "utf8"), "new");
  });

  it("leaves the old file when the new one cannot be written", async () => {
    await using dir = await folder();
    const path = join(dir.path, "keys.json");
    await writeFile(path, "old");
    await mkdir(join(`${path}.tmp`, "in the way"), { recursive: true });
    await assert.rejects(atomicWritePrivateFile(path, Buffer.from("new")));
    assert.equal(await readFile(path, "utf8"), "old");
    await assert.rejects(atomicWritePrivateFile(join(dir.path, "missing", "keys.json"), Buffer.from("new")), {
      code: "ENOENT",
    });
  });

  it("leaves the old file, and no draft, on a full disk", async (context) => {
    await using dir = await folder();
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", dir.path], {
      encoding: "utf8",
    });
    if (mounted.status !== 0) {
      context.skip(`no right to mount a small disk: ${mounted.stderr ?? mounted.error?.message}`);
      return;
    }
    try {
      const path = join(dir.path, "keys.json");
      await writeFile(path, "old");
      await assert.rejects(atomicWritePrivateFile(path, Buffer.alloc(128 * 1024)), { code: "ENOSPC" });
      assert.equal(await readFile(path, "utf8"), "old");
      assert.deepEqual(await readdir(dir.path), ["keys.json"]);
    } finally {
      execFileSync("umount", [dir.path]);
    }
  });
});
