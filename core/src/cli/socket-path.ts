import { resolve } from "node:path";
import type { CommandIo } from "./io.ts";
import { usageError } from "./usage-error.ts";

/** Which daemon a command talks to. */
export interface SocketChoice {
  /** What `-socketPath` says. */
  readonly given: string;
  readonly defaultPath: string;
  /** The environment variable with the path; with `_TEMPLATE` after it, the one with `%i` for `-instance`. */
  readonly variable: string;
  readonly instance: string;
}

/**
 * The flag before the instance before the environment before the default.
 *
 * @throws {StatusError} InvalidArgument when an instance is named and there is no template for it.
 */
export function resolveSocketPath(
  choice: SocketChoice,
  { env, cwd }: Pick<CommandIo, "env" | "cwd">,
): string {
  const { given, defaultPath, variable, instance } = choice;
  const templateVariable = `${variable}_TEMPLATE`;
  const template = env[templateVariable] ?? "";
  if (instance !== "" && template === "")
    throw usageError(`you must define ${templateVariable} to use the instance flag`);
  if (instance !== "" && !template.includes("%i"))
    throw usageError(`failed to find %i in ${templateVariable}`);
  if (given !== defaultPath) return resolve(cwd, given);
  if (instance !== "") return resolve(cwd, template.replaceAll("%i", instance));
  return resolve(cwd, env[variable] || defaultPath);
}
