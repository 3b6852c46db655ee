import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  /** The file the keys are in; made when the first key is. */
  readonly keysPath: string;
}

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string): Config {
  const { keys_path } = decodeConfig(
    text,
    { keys_path: string({ default: "" }) },
    { filename: "plugin_data" },
  );
  if (keys_path === "")
    throw new StatusError(Code.InvalidArgument, "KEYS_PATH_REQUIRED", "keys_path is required");
  return { keysPath: keys_path };
}
