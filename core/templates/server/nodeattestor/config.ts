import { readFileSync } from "node:fs";
import { Code, type CoreConfig, StatusError } from "@finial/sdk";
import { decodeConfig, string } from "@finial/sdk/hcl";
import type { TrustDomain } from "@finial/sdk/spiffe";

/** What is shorter can be tried out. */
const minSecretBytes = 16;

export interface Config {
  readonly trustDomain: TrustDomain;
  readonly secret: Buffer;
}

/**
 * Reads `plugin_data`, and the secret that it names.
 *
 * @throws {StatusError} InvalidArgument; one problem a line.
 */
export function parseConfig(text: string, { trustDomain }: CoreConfig): Config {
  const fields = { secret_file: string({ required: true }) };
  const { secret_file: path } = decodeConfig(text, fields, { filename: "plugin_data" });
  return { trustDomain, secret: readSecret(path) };
}

function readSecret(path: string): Buffer {
  let secret: Buffer;
  try {
    secret = Buffer.from(readFileSync(path, "utf8").trim());
  } catch (cause) {
    throw new StatusError(Code.InvalidArgument, "SECRET_FILE", `secret_file ${path} cannot be read`, {
      cause,
    });
  }
  if (secret.length < minSecretBytes)
    throw new StatusError(
      Code.InvalidArgument,
      "SECRET_SHORT",
      `the secret in ${path} must have at least ${minSecretBytes} bytes`,
    );
  return secret;
}
