import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Flaw } from "./flaw.ts";
import { requireRunnable } from "./program.ts";

const folder = mkdtempSync(join(tmpdir(), "program-"));
after(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Buffer, mode = 0o755): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

/** An ELF header of another machine's. */
function elfOf(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.write("\x7fELF", "latin1");
  header.writeUInt16LE(machine, 18);
  return header;
}

describe("requireRunnable()", () => {
  it("takes this Node, and scripts whose interpreter is there", () => {
    requireRunnable({ file: process.execPath }, process.env.PATH);
    for (const line of ["#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S LANG=C sh -e"])
      requireRunnable({ file: write("good", `${line}\n`) }, process.env.PATH);
  });

  it("says what keeps a file from running", () => {
    mkdirSync(join(folder, "folder"));
    const other = process.arch === "x64" ? 183 : 62;
    const cases: readonly (readonly [file: string, reason: string, what: RegExp])[] = [
      [join(folder, "missing"), "NO_FILE", /^there is no file .*missing\.$/],
      [join(folder, "folder"), "NOT_A_FILE", /folder is not a file\.$/],
      [write("locked", "#!/bin/sh\n", 0o644), "NOT_EXECUTABLE", /locked is not executable\.$/],
      [write("bare", "console.log(1)\n"), "NO_INTERPRETER", /nor a script that begins with "#!"\.$/],
      [write("empty", ""), "NO_INTERPRETER", /nor a script/],
      [write("windows", "#!/bin/sh\r\n"), "CARRIAGE_RETURN", /ends with a carriage return\.$/],
      [
        write("snake", "#!/opt/python9\n"),
        "INTERPRETER_MISSING",
        /run by \/opt\/python9, which is not there\.$/,
      ],
      [
        write("env", "#!/usr/bin/env python9\n"),
        "INTERPRETER_MISSING",
        /run by python9, which is not there\.$/,
      ],
      [
        write("other", elfOf(other)),
        "OTHER_MACHINE",
        /is a program for (arm64|x64); this machine is (x64|arm64)\.$/,
      ],
    ];
    for (const [file, reason, what] of cases)
      assert.throws(
        () => requireRunnable({ file }, process.env.PATH),
        (error: unknown) => {
          assert.ok(error instanceof Flaw);
          assert.equal(error.finding.reason, reason, file);
          assert.match(error.finding.what, what);
          assert.notEqual(error.finding.why, "");
          assert.notEqual(error.finding.mend, "");
          return true;
        },
      );
  });
});
