import { bool, decodeConfig } from "@finial/sdk/hcl";

export interface Config {
  /** Whether the group counts, too. */
  readonly withGroup: boolean;
}

/**
 * Reads `plugin_data`.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const fields = { with_group: bool({ default: true }) };
  const { with_group: withGroup } = decodeConfig(text, fields, { filename: "plugin_data" });
  return { withGroup };
}
