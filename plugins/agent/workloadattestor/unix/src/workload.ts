import { readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { internal } from "./internal.ts";
import { type ProcessOwner, parseProcessOwner } from "./process-owner.ts";

/** Where the kernel tells of a process: `/proc/<pid>`. */
export function processFolder(procPath: string, pid: number): string {
  if (pid <= 0) throw internal("PROCESS", `failed to get process: invalid pid ${pid}`);
  return join(procPath, String(pid));
}

/** @throws {StatusError} Internal when the process is gone, or cannot be seen. */
export async function readOwner(folder: string): Promise<ProcessOwner> {
  let status: string;
  try {
    status = await readFile(join(folder, "status"), "utf8");
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

/** The program's path, as the workload sees it; ends in ` (deleted)` when it is not there any more. */
export async function readProgramPath(folder: string): Promise<string> {
  try {
    return await readlink(join(folder, "exe"));
  } catch (error) {
    throw internal("PROGRAM_PATH", "path lookup", error);
  }
}
