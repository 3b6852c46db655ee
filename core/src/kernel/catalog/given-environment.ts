import { StatusError } from "@finial/sdk";
import type { GivenEnvironment } from "../pluginhost/environment.ts";
import { parseSecretReference } from "../secret/reference.ts";
import type { SecretResolver } from "../secret/secret-resolver.ts";

/** A plugin's part of its environment with the secrets in it, and which of its values are secrets. */
export interface ResolvedEnvironment {
  readonly given: GivenEnvironment | undefined;
  readonly secrets: readonly string[];
}

/** @throws {StatusError} the resolver's, naming the variable; Cancelled. */
export async function resolveGivenEnvironment(
  given: GivenEnvironment | undefined,
  resolver: Pick<SecretResolver, "resolve">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ResolvedEnvironment> {
  if (given === undefined) return { given, secrets: [] };
  const secrets: string[] = [];
  const values = await Promise.all(
    Object.entries(given.values).map(async ([name, value]) => {
      const reference = parseSecretReference(value);
      if (reference === undefined) return [name, value];
      try {
        const secret = await resolver.resolve(reference, options);
        secrets.push(secret);
        return [name, secret];
      } catch (error) {
        throw StatusError.from(error).prefixed(`plugin_env: ${name}: `);
      }
    }),
  );
  return { given: { ...given, values: Object.fromEntries(values) }, secrets };
}
