import { readFileSync } from "node:fs";
import { Code, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";

export interface Config {
  /** What the agent calls itself. */
  readonly agentName: string;
  readonly secret: Buffer;
}

/**
 * Reads `plugin_data`, and the secret that it names.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string): Config {
  const fields = { agent_name: string({ required: true }), secret_file: string({ required: true }) };
  const { agent_name: agentName, secret_file: path } = decodeConfig(text, fields, {
    filename: "plugin_data",
  });
  try {
    return { agentName, secret: Buffer.from(readFileSync(path, "utf8").trim()) };
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, "SECRET_FILE", `secret_file ${path} cannot be read`, {
      cause,
    });
  }
}
