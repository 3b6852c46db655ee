import { closeSync, fchmodSync, openSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { CommandIo } from "./io.ts";
import { messageOf } from "./io.ts";
import { usageError } from "./usage-error.ts";

/** For keys and tokens: nobody else may read them. */
export const privateMode = 0o600;
/** For certificates. */
export const publicMode = 0o644;

/** Writes a file in the place of one that may be there. @param what for the message: "SVID", "key", … */
export function writeFile(
  options: { readonly path: string; readonly content: string; readonly mode: number; readonly what: string },
  { cwd }: Pick<CommandIo, "cwd">,
): void {
  const { path, content, mode, what } = options;
  try {
    const file = openSync(resolve(cwd, path), "w", mode);
    try {
      // A file that was there before has a mode of its own.
      fchmodSync(file, mode);
      writeFileSync(file, content);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw usageError(`unable to write ${what}: ${messageOf(error)}`);
  }
}
