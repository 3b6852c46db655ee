import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** The command line of a Finial program: the built bundle where there is one, else the source. */
export function finialCommand(program: "finial-server" | "finial-agent"): readonly string[] {
  const bundle = join(root, "core", "dist", `${program}.mjs`);
  if (existsSync(bundle)) return [process.execPath, bundle];
  return [process.execPath, "--conditions=source", join(root, "core", "bin", `${program}.ts`)];
}

/** A peer's program from the folder in `SPIRE_BIN_DIR`; undefined where that is not given. */
export function spireCommand(program: "spire-server" | "spire-agent"): readonly string[] | undefined {
  const folder = process.env.SPIRE_BIN_DIR;
  return folder === undefined ? undefined : [join(folder, program)];
}
