import { Code, StatusError } from "@finial/sdk";

/** One version of an npm package: a version is never published twice. */
export interface PackageId {
  /** With its scope, if it has one: `@vendor/name`. */
  readonly name: string;
  readonly version: string;
}

const namePattern = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
/** Semantic Versioning 2.0.0 without build metadata, which registries drop. */
const versionPattern =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?$/;
const maxLength = 214;

/**
 * Parses a package with its version, such as `@vendor/name@1.2.3`.
 *
 * @throws {StatusError} InvalidArgument `PLUGIN_PACKAGE` for anything else: ranges and tags name different bytes on different days.
 */
export function parsePackageId(text: string): PackageId {
  const at = text.lastIndexOf("@");
  const name = at > 0 ? text.slice(0, at) : text;
  const version = at > 0 ? text.slice(at + 1) : "";
  if (!isPackageName(name)) throw refused(text, "it should be such as @vendor/name@1.2.3");
  if (version === "") throw refused(text, `it should name the exact version, too, such as ${name}@1.2.3`);
  if (!isExactVersion(version))
    throw refused(
      text,
      `${version} is no exact version such as 1.2.3; ranges and tags are for plugin install`,
    );
  return { name, version };
}

/** As npm takes it for a new package. */
export function isPackageName(name: string): boolean {
  return name.length <= maxLength && namePattern.test(name);
}

export function isExactVersion(version: string): boolean {
  return version.length <= maxLength && versionPattern.test(version);
}

export function printPackageId({ name, version }: PackageId): string {
  return `${name}@${version}`;
}

function refused(text: string, why: string): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    "PLUGIN_PACKAGE",
    `${JSON.stringify(text)} names no plugin package: ${why}`,
  );
}
