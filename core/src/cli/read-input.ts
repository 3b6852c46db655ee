import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandIo } from "./io.ts";

/** A file, or standard input where `path` is "-". @throws what the file system says. */
export async function readInput(path: string, io: CommandIo): Promise<string> {
  const bytes = path === "-" ? await io.readStdin() : readFileSync(resolve(io.cwd, path));
  return bytes.toString("utf8");
}
