import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { LogFile } from "./log-file.ts";

const folder = mkdtempSync(join(tmpdir(), "finial-log-"));
after(() => rmSync(folder, { recursive: true }));

describe("LogFile", () => {
  it("goes on where the file ends, and lets nobody else read it", () => {
    const path = join(folder, "append.log");
    for (const line of ["one\n", "two\n"]) {
      using file = LogFile.open(path);
      file.write(line);
    }
    assert.equal(readFileSync(path, "utf8"), "one\ntwo\n");
    assert.equal(statSync(path).mode & 0o007, 0);
  });

  it("writes to the new file after it was moved away and opened again", () => {
    const path = join(folder, "rotated.log");
    using file = LogFile.open(path);
    file.write("one\n");
    renameSync(path, `${path}.1`);
    file.write("two\n");
    assert.equal(existsSync(path), false);
    file.reopen();
    file.write("three\n");
    assert.equal(readFileSync(`${path}.1`, "utf8"), "one\ntwo\n");
    assert.equal(readFileSync(path, "utf8"), "three\n");
  });

  it("goes on with the old file when the new one cannot be opened", () => {
    const path = join(folder, "stuck.log");
    using file = LogFile.open(path);
    renameSync(path, `${path}.1`);
    mkdirSync(path);
    assert.throws(() => file.reopen(), {
      code: 9,
      reason: "LOG_FILE",
      message: `unable to open log file: EISDIR: illegal operation on a directory, open '${path}'`,
    });
    file.write("still here\n");
    assert.equal(readFileSync(`${path}.1`, "utf8"), "still here\n");
  });

  it("says why a file cannot be opened", () => {
    const path = join(folder, "none", "x.log");
    assert.throws(() => LogFile.open(path), {
      reason: "LOG_FILE",
      message: `unable to open log file: ENOENT: no such file or directory, open '${path}'`,
    });
  });

  it("loses a line on a full disk, and nothing else", () => {
    using file = LogFile.open("/dev/full");
    file.write("lost\n");
    file.write("lost, too\n");
  });

  it("is standard output without a path, and outlives its reader", () => {
    const program = `
      import { LogFile } from ${JSON.stringify(join(import.meta.dirname, "log-file.ts"))};
      using file = LogFile.open(undefined);
      file.reopen();
      for (let line = 0; line < 3; line++) file.write(line + "\\n");
      process.exitCode = 7;`;
    const node = `${process.execPath} --conditions=source --input-type=module --eval "$PROGRAM"`;
    const run = (script: string) => {
      const { status, stdout } = spawnSync("sh", ["-c", script], {
        env: { PROGRAM: program },
        encoding: "utf8",
      });
      return [status, stdout];
    };
    assert.deepEqual(run(node), [7, "0\n1\n2\n"]);
    assert.deepEqual(run(`exec 3>&1; (${node}; echo $? >&3) | true`), [0, "7\n"]);
  });
});
