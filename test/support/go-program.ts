import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./child.ts";
import { Skipped } from "./scenario.ts";

const root = join(import.meta.dirname, "..", "..");
const module = join(root, "test", "go");
const folder = join(root, ".finial", "go");

/**
 * Builds one of the programs in `test/go`; Go's own cache makes the second time quick.
 *
 * @returns the path of the executable.
 * @throws {Skipped} where there is no Go.
 */
export async function buildGoProgram(
  name: "jwtcheck" | "keymanager" | "workload" | "x509check",
): Promise<string> {
  const program = join(folder, name);
  mkdirSync(folder, { recursive: true });
  const command = ["go", "build", "-o", program, `./${name}`];
  const result = await runCommand(command, { cwd: module }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new Skipped("there is no Go here to build the test program with");
    throw error;
  });
  if (result.status !== 0) throw new Error(`cannot build test/go/${name}:\n${result.stderr}`);
  return program;
}
