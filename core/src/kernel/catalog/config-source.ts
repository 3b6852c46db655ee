import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Code, StatusError } from "@finial/sdk";
import type { PluginBlock } from "./plugin-block.ts";

/** A plugin's configuration text; "" when none is given. @throws {StatusError} FailedPrecondition when its file cannot be read. */
export async function readConfigText({ configText, pluginDataFile }: PluginBlock): Promise<string> {
  if (pluginDataFile === undefined) return configText ?? "";
  try {
    return await readFile(pluginDataFile, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(Code.FailedPrecondition, "PLUGIN_DATA_FILE", `failed to load plugin data: ${why}`, {
      cause: error,
    });
  }
}

/** What tells one configuration from another in the log: the first half of SHA-512, in hex, as SPIRE has it. */
export function hashConfigText(text: string): string {
  return createHash("sha512").update(text).digest("hex").slice(0, 32);
}
