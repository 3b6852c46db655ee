import { isAbsolute } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  /** Absolute. */
  readonly path: string;
}

/**
 * Reads `plugin_data`.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const { path } = decodeConfig(text, { path: string({ required: true }) }, { filename: "plugin_data" });
  if (!isAbsolute(path)) throw new StatusError(Code.InvalidArgument, "PATH", "path must be absolute");
  return { path };
}
