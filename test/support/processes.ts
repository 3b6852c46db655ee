import { readdirSync, readFileSync } from "node:fs";

export interface ProcessInfo {
  readonly pid: number;
  readonly parentPid: number;
  readonly command: string;
}

/** All processes of this machine, from /proc. Those that end while it is read are left out. */
export function listProcesses(): ProcessInfo[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const status = readOrNothing(`/proc/${name}/stat`);
      if (status === undefined) return [];
      // The command name in parentheses may hold anything: the fields begin after the last ")".
      const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
      const command = (readOrNothing(`/proc/${name}/cmdline`) ?? "").replaceAll("\0", " ").trim();
      return fields[0] === "Z" ? [] : [{ pid: Number(name), parentPid: Number(fields[1]), command }];
    });
}

/** A process and all below it. */
export function processTree(pid: number): ProcessInfo[] {
  const all = listProcesses();
  const tree = all.filter((process) => process.pid === pid);
  for (const parent of tree) tree.push(...all.filter((process) => process.parentPid === parent.pid));
  return tree;
}

/** Proportional set size in MiB: memory shared between processes counts once over all of them. */
export function pssMib(pid: number): number {
  const rollup = readOrNothing(`/proc/${pid}/smaps_rollup`) ?? "";
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
}

/** User and system time spent so far, in milliseconds. */
export function cpuMs(pid: number): number {
  const status = readOrNothing(`/proc/${pid}/stat`);
  if (status === undefined) return 0;
  const fields = status.slice(status.lastIndexOf(")") + 2).split(" ");
  const ticksPerSecond = 100;
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / ticksPerSecond;
}

function readOrNothing(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH"))
      return undefined;
    throw error;
  }
}
