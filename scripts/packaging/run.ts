import { spawnSync } from "node:child_process";

/**
 * Runs a command to its end.
 *
 * @returns what it printed.
 * @throws {Error} with what it said when it fails.
 */
export function run(command: readonly string[], options: { readonly cwd: string }): string {
  const [file = "", ...args] = command;
  const result = spawnSync(file, args, { cwd: options.cwd, encoding: "utf8", maxBuffer: 64 << 20 });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command.join(" ")} failed:\n${result.stdout}${result.stderr}`);
  return result.stdout;
}
