import { decodeConfig } from "@finial/sdk/hcl";

/** There is nothing to configure. */
export type Config = Readonly<Record<never, never>>;

/** @throws {StatusError} InvalidArgument for any key. */
export function parseConfig(text: string): Config {
  return decodeConfig(text, {}, { filename: "plugin_data" });
}
