import { Code, StatusError } from "@finial/sdk";

/** Where a secret is, in place of the secret. */
export type SecretReference =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "env"; readonly name: string }
  | { readonly kind: "exec"; readonly path: string; readonly args: readonly string[] };

/** No configuration of SPIRE's has a value that begins so. A word that is none of the three is taken for a mistake. */
const form = /^secret\+([a-z]+):(.*)$/s;

/** Whether a text is meant for a reference, be it one that cannot be read. */
export function mayBeReference(text: string): boolean {
  return form.test(text);
}

/**
 * Reads `secret+file:/path`, `secret+env:NAME` or `secret+exec:/path argument…`; arguments are words between spaces.
 *
 * @returns undefined for any other text, which then is the value itself.
 * @throws {StatusError} InvalidArgument `SECRET_REFERENCE`.
 */
export function parseSecretReference(text: string): SecretReference | undefined {
  const [, kind, rest = ""] = form.exec(text) ?? [];
  if (kind === undefined) return undefined;
  switch (kind) {
    case "file":
      return { kind, path: absolute(kind, rest) };
    case "env":
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(rest))
        throw malformed(
          "secret+env: takes the name of one environment variable, as in secret+env:DB_PASSWORD",
        );
      return { kind, name: rest };
    case "exec": {
      const [path = "", ...args] = rest.split(" ").filter((word) => word !== "");
      return { kind, path: absolute(kind, path), args };
    }
    default:
      throw malformed(
        `secret+${kind}: is no way to a secret; there are secret+file:, secret+env: and secret+exec:`,
      );
  }
}

/** For messages. Arguments are left out: they may be nobody's business. */
export function titleOf(reference: SecretReference): string {
  return `secret+${reference.kind}:${reference.kind === "env" ? reference.name : reference.path}`;
}

function absolute(kind: "file" | "exec", path: string): string {
  if (path.startsWith("/") && !/\p{Cc}/u.test(path)) return path;
  throw malformed(`secret+${kind}: takes an absolute path, as in secret+${kind}:/etc/finial/secret`);
}

function malformed(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "SECRET_REFERENCE", message);
}
