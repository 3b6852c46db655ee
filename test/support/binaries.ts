import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** The command line of a Finial program: the launcher that is shipped where there is a bundle, else the source. */
export function finialCommand(program: "finial-server" | "finial-agent" | "finial"): readonly string[] {
  const folder = join(root, "core", "bin");
  if (existsSync(join(root, "core", "dist", `${program}.mjs`)))
    return [process.execPath, join(folder, `${program}.cjs`)];
  return [process.execPath, "--conditions=source", join(folder, `${program}.ts`)];
}

/** A peer's program from the folder in `SPIRE_BIN_DIR`; undefined where that is not given. */
export function spireCommand(program: "spire-server" | "spire-agent"): readonly string[] | undefined {
  const folder = process.env.SPIRE_BIN_DIR;
  return folder === undefined ? undefined : [join(folder, program)];
}
