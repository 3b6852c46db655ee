import { StatusError } from "@finial/sdk";
import type { GivenEnvironment } from "../pluginhost/environment.ts";
import { parseSecretReference } from "../secret/reference.ts";
import type { SecretResolver } from "../secret/secret-resolver.ts";

/**
 * Of the variables that a plugin is given, those that are secrets, with the secrets.
 *
 * @throws {StatusError} the resolver's, naming the variable; Cancelled.
 */
export async function resolveSecretVariables(
  given: GivenEnvironment | undefined,
  resolver: Pick<SecretResolver, "resolve">,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Readonly<Record<string, string>>> {
  const variables = await Promise.all(
    Object.entries(given?.values ?? {}).map(async ([name, value]) => {
      try {
        const reference = parseSecretReference(value);
        return reference === undefined ? [] : [[name, await resolver.resolve(reference, options)]];
      } catch (error) {
        throw StatusError.from(error).prefixed(`plugin_env: ${name}: `);
      }
    }),
  );
  return Object.fromEntries(variables.flat());
}
