import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { expandEnvironment } from "./env.ts";

/**
 * Reads a configuration file: HCL 1 or its JSON form.
 *
 * @param env absent: the file is taken as it stands.
 * @throws {StatusError} NotFound when there is none, FailedPrecondition when it cannot be read.
 */
export function loadConfigText(path: string, env?: Readonly<Record<string, string | undefined>>): string {
  try {
    const text = readFileSync(path, "utf8");
    return env === undefined ? text : expandEnvironment(text, env);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT")
      throw new StatusError(
        Code.NotFound,
        "CONFIG_MISSING",
        `could not find config file ${resolve(path)}: please use the -config flag`,
      );
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(
      Code.FailedPrecondition,
      "CONFIG_UNREADABLE",
      `unable to read configuration at "${path}": ${why}`,
      { cause: error },
    );
  }
}
