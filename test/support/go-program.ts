import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./child.ts";
import { Skipped } from "./scenario.ts";

const root = join(import.meta.dirname, "..", "..");
const module = join(root, "test", "go");
/** Built with an sdk of its own time, so that it has to be a module of its own. */
const modules: Readonly<Partial<Record<GoProgram, string>>> = { old: join(module, "old") };
const folder = join(root, ".finial", "go");

export type GoProgram = "jwtcheck" | "old" | "plugin" | "template" | "workload" | "x509check";

/**
 * Builds one of the programs in `test/go`; Go's own cache makes the second time quick.
 *
 * @returns the path of the executable.
 * @throws {Skipped} where there is no Go.
 */
export async function buildGoProgram(name: GoProgram): Promise<string> {
  const program = join(folder, name);
  mkdirSync(folder, { recursive: true });
  const own = modules[name];
  const command = ["go", "build", "-o", program, own === undefined ? `./${name}` : "."];
  const result = await runCommand(command, { cwd: own ?? module }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Skipped("there is no Go here to build the test program with");
    throw error;
  });
  if (result.status !== 0) throw new Error(`cannot build test/go/${name}:\n${result.stderr}`);
  return program;
}
