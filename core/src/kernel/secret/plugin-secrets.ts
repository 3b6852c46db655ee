import type { Redaction } from "./redaction.ts";
import { titleOf } from "./reference.ts";
import type { SecretResolver } from "./secret-resolver.ts";

/** What a plugin's references resolve with, and what takes the secrets it was given out of what it says. */
export interface PluginSecrets {
  readonly resolver: Pick<SecretResolver, "resolve">;
  readonly redaction: Redaction;
}

/** Where secrets cannot be had, or must not be: each reference stands for itself. */
export const unresolved: PluginSecrets["resolver"] = {
  resolve: async (reference) => titleOf(reference),
};
