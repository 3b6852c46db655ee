import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, int } from "@finial/sdk/hcl";

export interface Config {
  readonly maxKeys: number;
}

/**
 * Reads `plugin_data`.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const { max_keys: maxKeys } = decodeConfig(
    text,
    { max_keys: int({ default: 100 }) },
    { filename: "plugin_data" },
  );
  if (maxKeys < 1) throw new StatusError(Code.InvalidArgument, "MAX_KEYS", "max_keys must be at least 1");
  return { maxKeys };
}
