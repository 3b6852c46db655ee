import { accessSync, closeSync, constants, existsSync, openSync, readSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Flaw } from "./flaw.ts";
import type { Target } from "./target.ts";

const elf = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
/** e_machine of the ELF header. */
const machines: Readonly<Record<number, string>> = {
  3: "ia32",
  40: "arm",
  62: "x64",
  183: "arm64",
  243: "riscv64",
};

/**
 * Looks at a program's file as the kernel does before it runs it.
 *
 * @throws {Flaw} with what keeps it from running.
 */
export function requireRunnable({ file }: Pick<Target, "file">, path: string | undefined): void {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat === undefined)
    throw new Flaw({
      reason: "NO_FILE",
      what: `there is no file ${file}.`,
      why: "A host starts the file that plugin_cmd names, and nothing else.",
      mend: "Give the path of the built program; a host never searches the PATH.",
    });
  if (!stat.isFile())
    throw new Flaw({
      reason: "NOT_A_FILE",
      what: `${file} is not a file.`,
      why: "Only a file can be run, and have a checksum.",
      mend: "Name the program itself.",
    });
  try {
    accessSync(file, constants.X_OK);
  } catch {
    throw new Flaw({
      reason: "NOT_EXECUTABLE",
      what: `${file} is not executable.`,
      why: 'The host gets "permission denied" from the kernel and cannot start it.',
      mend: `Run: chmod +x ${file}`,
    });
  }
  const head = firstBytes(file);
  if (head.subarray(0, 4).equals(elf)) requireThisMachine(file, head);
  else if (head.subarray(0, 2).toString() === "#!") requireInterpreter(file, head, path);
  else
    throw new Flaw({
      reason: "NO_INTERPRETER",
      what: `${file} is neither a program of this system nor a script that begins with "#!".`,
      why: 'The kernel refuses it with "exec format error"; some hosts would have a shell try it, line by line.',
      mend: 'Begin the file with the interpreter, such as "#!/usr/bin/env node" or "#!/usr/bin/python3".',
    });
}

function firstBytes(file: string): Buffer {
  const bytes = Buffer.alloc(256);
  const descriptor = openSync(file, "r");
  try {
    return bytes.subarray(0, readSync(descriptor, bytes));
  } finally {
    closeSync(descriptor);
  }
}

function requireThisMachine(file: string, head: Buffer): void {
  const machine = machines[head.length > 19 ? head.readUInt16LE(18) : 0];
  if (machine === undefined || machine === process.arch || (machine === "ia32" && process.arch === "x64"))
    return;
  throw new Flaw({
    reason: "OTHER_MACHINE",
    what: `${file} is a program for ${machine}; this machine is ${process.arch}.`,
    why: 'The kernel refuses it with "exec format error".',
    mend: `Build it for ${process.arch}.`,
  });
}

function requireInterpreter(file: string, head: Buffer, path: string | undefined): void {
  const line = head.toString("latin1").split("\n")[0] ?? "";
  const [interpreter = "", ...words] = line.slice(2).trimStart().split(" ");
  if (interpreter.endsWith("\r") || words.at(-1)?.endsWith("\r"))
    throw new Flaw({
      reason: "CARRIAGE_RETURN",
      what: `the first line of ${file} ends with a carriage return.`,
      why: `The kernel looks for an interpreter whose name ends with that character, and says "no such file".`,
      mend: "Save the file with Unix line ends.",
    });
  const wanted = /\/env$/.test(interpreter) ? words.filter((word) => !/^-|=/.test(word))[0] : interpreter;
  const found =
    wanted === undefined || wanted.includes("/")
      ? wanted !== undefined && existsSync(wanted)
      : (path ?? "").split(delimiter).some((folder) => existsSync(join(folder, wanted)));
  if (found && existsSync(interpreter)) return;
  throw new Flaw({
    reason: "INTERPRETER_MISSING",
    what: `${file} asks to be run by ${wanted ?? interpreter}, which is not there.`,
    why: 'The kernel says "no such file or directory", though the script itself is there.',
    mend: "Install the interpreter, or name one that is on every machine the plugin goes to.",
  });
}
