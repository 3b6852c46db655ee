/** A version as SPIRE writes it, such as `1.15.3` or `1.15.3-dev-unk`. */
export interface CodeVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  /** "" for a release. */
  readonly prerelease: string;
}

/** Parses a semantic version; "" is 0.0.0, as in databases that were never labelled. Undefined if it is none. */
export function parseCodeVersion(text: string): CodeVersion | undefined {
  if (text === "") return { major: 0, minor: 0, patch: 0, prerelease: "" };
  const match = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch, prerelease = ""] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), prerelease };
}

/** Whether a release is newer than another version. */
export function isNewer(release: CodeVersion, other: CodeVersion): boolean {
  for (const part of ["major", "minor", "patch"] as const)
    if (release[part] !== other[part]) return release[part] > other[part];
  return other.prerelease !== "" && release.prerelease === "";
}

/** SPIRE's rule for servers that share a database: the same major version, minor versions at most one apart. */
export function areCompatible(one: CodeVersion, other: CodeVersion): boolean {
  return one.major === other.major && Math.abs(one.minor - other.minor) <= 1;
}
