import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  readonly organizationalUnit: string;
}

/**
 * Reads `plugin_data`.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const fields = { organizational_unit: string({ required: true }) };
  const { organizational_unit: organizationalUnit } = decodeConfig(text, fields, { filename: "plugin_data" });
  if (organizationalUnit === "" || organizationalUnit.length > 64)
    throw new StatusError(Code.InvalidArgument, "UNIT", "organizational_unit must have 1 to 64 characters");
  return { organizationalUnit };
}
