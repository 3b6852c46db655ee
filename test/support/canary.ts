import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { listProcesses } from "./processes.ts";

/** A secret that is like no other text, so that wherever it is found it has got out. */
export class Canary {
  readonly name: string;
  readonly value: string;

  constructor(name: string) {
    this.name = name;
    this.value = `canary-${randomBytes(12).toString("hex")}`;
  }
}

/** Where a canary was found: a file's path, or one below `/proc`, or what an output was called. */
export interface Sighting {
  readonly canary: string;
  readonly where: string;
}

export interface Hunt {
  readonly sightings: readonly Sighting[];
  /** What was searched. */
  readonly files: number;
  readonly environments: number;
  readonly commandLines: number;
  readonly outputs: number;
}

/**
 * Looks for canaries in every environment and command line of this machine that can be read, in every file below the folders,
 * and in outputs that were kept.
 */
export function huntFor(
  canaries: readonly Canary[],
  { folders, outputs }: { readonly folders: readonly string[]; readonly outputs: readonly string[] },
): Hunt {
  const pids = listProcesses().map(({ pid }) => pid);
  const environments = pids.map((pid) => `/proc/${pid}/environ`);
  const commandLines = pids.map((pid) => `/proc/${pid}/cmdline`);
  const files = folders.flatMap(filesBelow);
  const searched = [...environments, ...commandLines, ...files].flatMap((path) => {
    const content = readOrNothing(path);
    return content === undefined ? [] : [{ where: path, content }];
  });
  const kept = outputs.map((output, index) => ({ where: `output ${index}`, content: Buffer.from(output) }));
  const count = (beginning: RegExp): number => searched.filter(({ where }) => beginning.test(where)).length;
  return {
    sightings: [...searched, ...kept].flatMap(({ where, content }) =>
      canaries.filter(({ value }) => content.includes(value)).map(({ name }) => ({ canary: name, where })),
    ),
    environments: count(/^\/proc\/\d+\/environ$/),
    commandLines: count(/^\/proc\/\d+\/cmdline$/),
    files: count(/^(?!\/proc\/)/),
    outputs: kept.length,
  };
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Processes end, and some are not ours to look into. */
function readOrNothing(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "EACCES" || code === "EPERM") return undefined;
    throw error;
  }
}
