import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  /** The folder of `keys.json`; made, for its owner only, when it is not there. */
  readonly directory: string;
}

/** @throws {StatusError} InvalidArgument; one problem a line. */
export function parseConfig(text: string): Config {
  const { directory } = decodeConfig(
    text,
    { directory: string({ default: "" }) },
    { filename: "plugin_data" },
  );
  if (directory === "")
    throw new StatusError(Code.InvalidArgument, "DIRECTORY_REQUIRED", "directory must be configured");
  return { directory };
}
