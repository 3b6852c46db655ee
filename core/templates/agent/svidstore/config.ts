import { isAbsolute } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  /** Absolute. */
  readonly directory: string;
}

/**
 * Reads `plugin_data`.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const { directory } = decodeConfig(
    text,
    { directory: string({ required: true }) },
    { filename: "plugin_data" },
  );
  if (!isAbsolute(directory))
    throw new StatusError(Code.InvalidArgument, "DIRECTORY", "directory must be absolute");
  return { directory };
}
