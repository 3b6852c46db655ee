import { Code, StatusError } from "@finial/sdk";
import type { GivenEnvironment } from "../pluginhost/environment.ts";
import { parseSecretReference } from "../secret/reference.ts";
import type { SecretResolver } from "../secret/secret-resolver.ts";

/**
 * Of the variables that a plugin is given, those that are secrets, with the secrets.
 *
 * @throws {StatusError} the resolver's, or FailedPrecondition `SECRET_UNAVAILABLE`, naming the variable; Cancelled.
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
        return reference === undefined ? [] : [[name, holdable(await resolver.resolve(reference, options))]];
      } catch (error) {
        throw StatusError.from(error).prefixed(`plugin_env: ${name}: `);
      }
    }),
  );
  return Object.fromEntries(variables.flat());
}

/** Variables end at a NUL: Node would refuse to start the process, and quote the secret in its own way of writing. */
function holdable(secret: string): string {
  if (!secret.includes("\0")) return secret;
  throw new StatusError(
    Code.FailedPrecondition,
    "SECRET_UNAVAILABLE",
    "there is a NUL in it, which no environment variable can hold",
  );
}
