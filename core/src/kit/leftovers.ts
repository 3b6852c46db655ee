import { readdirSync, readFileSync } from "node:fs";

export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Processes of this machine whose environment has an entry, zombies aside. @param mark `NAME=VALUE`. */
export function findProcesses(mark: string): readonly Leftover[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const environment = readFileSync(`/proc/${name}/environ`, "latin1");
        if (!environment.split("\0").includes(mark)) return [];
        const command = readFileSync(`/proc/${name}/cmdline`, "latin1").split("\0").join(" ").trim();
        return [{ pid: Number(name), command }];
      } catch {
        // It has ended meanwhile, or is another user's.
        return [];
      }
    });
}

/** Kills them all, whoever they are to each other. */
export function endProcesses(mark: string): void {
  for (const { pid } of findProcesses(mark)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
