import { dirname } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import Config from "@npmcli/config";
import npm from "@npmcli/config/lib/definitions/index.js";
import type { CommandIo } from "../../io.ts";

/** What npm's libraries take: registries, one for each scope perhaps, with tokens, proxies and certificates. */
export type NpmSettings = Readonly<Record<string, unknown>>;

/**
 * As npm itself finds them: `npm_config_…`, and the `.npmrc` of this folder, this user and this machine.
 *
 * @param registry a URL, in the place of all that are configured; "" when there is none.
 * @throws {StatusError} InvalidArgument `NPM_CONFIG`.
 */
export async function readNpmSettings(
  { env, cwd }: Pick<CommandIo, "env" | "cwd">,
  registry: string,
): Promise<NpmSettings> {
  try {
    const config = new Config({
      ...npm,
      // Where npm would have a file of its own defaults; there is none here.
      npmPath: dirname(process.execPath),
      argv: [process.execPath, "finial"],
      // It sets variables for programs that npm runs.
      env: { ...env },
      cwd,
      execPath: process.execPath,
      platform: process.platform,
      warn: false,
    });
    await config.load();
    if (registry === "") return config.flat;
    const ofScopes = Object.keys(config.flat).filter((key) => key.endsWith(":registry"));
    const { href } = new URL(registry);
    return { ...config.flat, ...Object.fromEntries(["registry", ...ofScopes].map((key) => [key, href])) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StatusError(Code.InvalidArgument, "NPM_CONFIG", `npm's configuration cannot be used: ${why}`, {
      cause,
    });
  }
}
