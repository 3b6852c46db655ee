import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { internal } from "./internal.ts";
import { type ProcessOwner, parseProcessOwner } from "./process-owner.ts";

/** Where the kernel tells of a process: `/proc/<pid>`. */
export function processFolder(procPath: string, pid: number): string {
  if (pid <= 0) throw internal("PROCESS", `failed to get process: invalid pid ${pid}`);
  return join(procPath, String(pid));
}

/**
 * The kernel answers from memory, in microseconds: the thread pool would take many times as long.
 *
 * @throws {StatusError} Internal when the process is gone, or cannot be seen.
 */
export function readOwner(folder: string): ProcessOwner {
  let status: string;
  try {
    status = readFileSync(join(folder, "status"), "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH")
      throw internal("PROCESS", "failed to get process: process does not exist");
    throw internal("PROCESS", "failed to get process", error);
  }
  const owner = parseProcessOwner(status);
  if (owner === undefined)
    throw new StatusError(Code.Internal, "PROCESS_STATUS", "UIDs lookup: no UIDs for process");
  return owner;
}

/**
 * The program's path, as the workload sees it; ends in ` (deleted)` when it is not there any more.
 *
 * @throws {StatusError} Internal when it cannot be read, or is not UTF-8: as text it would be another program's path.
 */
export async function readProgramPath(folder: string): Promise<string> {
  let path: Buffer;
  try {
    path = await readlink(join(folder, "exe"), { encoding: "buffer" });
  } catch (error) {
    throw internal("PROGRAM_PATH", "path lookup", error);
  }
  if (!isUtf8(path)) throw internal("PROGRAM_PATH", "path lookup: the program's path is not UTF-8");
  return path.toString("utf8");
}
