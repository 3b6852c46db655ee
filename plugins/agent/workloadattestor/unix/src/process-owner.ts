/** Who a process runs as: effective IDs, in decimal, as `/proc` writes them. */
export interface ProcessOwner {
  readonly uid: string;
  readonly gid: string;
  readonly supplementaryGids: readonly string[];
}

/**
 * Reads a `/proc/<pid>/status`.
 *
 * @returns undefined when it is none. Lines may come in any order; the four numbers are real, effective, saved, file system.
 */
export function parseProcessOwner(status: string): ProcessOwner | undefined {
  const [, uid] = numbersOf(status, "Uid");
  const [, gid] = numbersOf(status, "Gid");
  if (uid === undefined || gid === undefined) return undefined;
  return { uid, gid, supplementaryGids: numbersOf(status, "Groups") };
}

/** The process chooses its own name, which the kernel writes with line ends escaped: no line of it can pass for another. */
function numbersOf(status: string, field: string): readonly string[] {
  const line = status.split("\n").find((candidate) => candidate.startsWith(`${field}:`));
  return line?.slice(field.length + 1).match(/\d+/g) ?? [];
}
