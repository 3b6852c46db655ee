import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { VerifiedCopy } from "./verified-copy.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-copy-"));
const parent = join(folder, "private");
mkdirSync(parent);
after(() => rmSync(folder, { recursive: true }));

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function write(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

describe("VerifiedCopy", () => {
  it("stays what was verified, whatever becomes of the original", async () => {
    const file = write(join(folder, "km"), "good");
    using copy = await VerifiedCopy.make(file, { sha256: sha256("good"), parent });
    write(file, "evil");
    rmSync(file);
    assert.equal(readFileSync(copy.path, "utf8"), "good");
    assert.equal(statSync(copy.path).mode & 0o777, 0o500);
    assert.equal(statSync(join(copy.path, "..")).mode & 0o777, 0o700);
  });

  it("verifies the copy: a file that changes in between is refused, or is not what runs", async () => {
    const file = join(folder, "swapped");
    const good = "g".repeat(1 << 20);
    const evil = "e".repeat(1 << 20);
    let refused = 0;
    for (let round = 0; round < 60; round++) {
      const [first, second] = round % 2 === 0 ? [good, evil] : [evil, good];
      write(file, first);
      const making = VerifiedCopy.make(file, { sha256: sha256(good), parent });
      for (let turn = 0; turn < round / 6; turn++) await new Promise((resolve) => setImmediate(resolve));
      write(file, second);
      const [result] = await Promise.allSettled([making]);
      if (result.status === "fulfilled") {
        using copy = result.value;
        assert.ok(readFileSync(copy.path, "utf8") === good);
      } else refused++;
    }
    assert.ok(refused > 0, "some swaps came in time to be seen");
  });

  it("shows its program what lies beside the original, also by way of a link", async () => {
    const package_ = join(folder, "package");
    mkdirSync(join(package_, "lib"), { recursive: true });
    write(join(package_, "lib", "words"), "hello");
    const text = '#!/bin/sh\ncat "$(dirname "$0")/lib/words"\n';
    symlinkSync(write(join(package_, "real"), text), join(folder, "link"));
    for (const name of ["package/real", "link"]) {
      using copy = await VerifiedCopy.make(join(folder, name), { sha256: sha256(text), parent });
      copy.requireExecutable();
      assert.equal(spawnSync(copy.path, { encoding: "utf8" }).stdout, "hello");
    }
  });

  it("leaves nothing behind, also when it refuses", async () => {
    const file = write(join(folder, "left"), "good");
    (await VerifiedCopy.make(file, { sha256: sha256("good"), parent }))[Symbol.dispose]();
    await assert.rejects(VerifiedCopy.make(file, { sha256: sha256("other"), parent }), {
      code: 9,
      reason: "CHECKSUM",
      message: `failed to launch plugin: checksums did not match for "${file}"`,
    });
    await assert.rejects(VerifiedCopy.make(join(folder, "none"), { sha256: sha256(""), parent }), {
      reason: "CHECKSUM",
      message: /^failed to launch plugin: error verifying checksum: ENOENT: /,
    });
    await assert.rejects(VerifiedCopy.make(file, { sha256: "short", parent }), {
      code: 3,
      message: "checksum is not a valid hex string",
    });
    assert.deepEqual(readdirSync(parent), []);
  });

  it("says so where no program may run", { skip: process.getuid?.() !== 0 && "needs root" }, async (t) => {
    const mount = join(folder, "noexec");
    mkdirSync(mount);
    const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "noexec", "none", mount], { encoding: "utf8" });
    if (mounted.status !== 0) return t.skip(`mounting: ${mounted.stderr.trim()}`);
    try {
      const file = write(join(folder, "program"), "#!/bin/sh\n");
      using copy = await VerifiedCopy.make(file, { sha256: sha256("#!/bin/sh\n"), parent: mount });
      assert.throws(() => copy.requireExecutable(), {
        code: 9,
        reason: "CHECKSUM",
        message: `failed to launch plugin: what was verified runs from a private copy, and no program may run from ${folder}; set TMPDIR to a folder where programs may run`,
      });
    } finally {
      spawnSync("umount", [mount]);
    }
  });
});
