import { StatusError } from "@finial/sdk";
import { resolveConfigSecrets } from "../secret/config-secrets.ts";
import type { PluginSecrets } from "../secret/plugin-secrets.ts";
import { atOrigin } from "./config-origin.ts";
import { readConfigText } from "./config-source.ts";
import { resolveSecretVariables } from "./given-environment.ts";
import { type PluginBlock, titleOf } from "./plugin-block.ts";

/**
 * Resolves what the plugins' configurations refer to, and forgets it: no plugin is asked or started.
 *
 * @returns notes by plugin title; none means that every secret can be had and may be trusted.
 */
export async function checkSecrets(
  blocks: readonly PluginBlock[],
  resolver: PluginSecrets["resolver"],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const enabled = blocks.filter((block) => block.enabled);
  const notes = await Promise.all(
    enabled.map(async (block) => [titleOf(block), await notesOf(block, resolver)] as const),
  );
  return new Map(notes.filter(([, lines]) => lines.length > 0));
}

async function notesOf(block: PluginBlock, resolver: PluginSecrets["resolver"]): Promise<readonly string[]> {
  // A file that is not there yet says nothing of secrets.
  const text = await readConfigText(block).catch(() => "");
  const results = await Promise.allSettled([
    resolveConfigSecrets(text, resolver),
    resolveSecretVariables(block.environment, resolver),
  ]);
  return results.flatMap((result) =>
    result.status === "rejected"
      ? atOrigin(StatusError.from(result.reason).message, block.configOrigin).split("\n")
      : [],
  );
}
