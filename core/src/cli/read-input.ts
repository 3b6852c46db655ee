import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandIo } from "./io.ts";

/** A file, or standard input where `path` is "-". @throws what the file system says. */
export async function readInput(path: string, { cwd, readStdin }: CommandIo): Promise<string> {
  const bytes = path === "-" ? await readStdin() : readFileSync(resolve(cwd, path));
  return bytes.toString("utf8");
}
