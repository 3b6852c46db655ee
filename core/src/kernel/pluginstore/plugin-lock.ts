import { Code, StatusError } from "@finial/sdk";
import { nearest } from "@finial/sdk/hcl";
import { type PackageId, parsePackageId, printPackageId } from "./package-id.ts";

/** Who built a package, as a certificate of Sigstore says. */
export interface Provenance {
  /** The identity that signed: of a build, the URI of its workflow. */
  readonly signer: string;
  /** Who vouched for that identity: a URL. */
  readonly issuer: string;
  /** The repository it was built from, a URI; "" when the statement does not say. */
  readonly source: string;
}

/** What was decided of a package when it was locked. */
export interface LockedPackage extends PackageId {
  /** The registry's, of the package as it is sent: `sha512-` and base64. */
  readonly integrity: string;
  /** Of its {@link PackageTree}, in hex. */
  readonly treeSha256: string;
  /** Undefined: the registry had none. */
  readonly provenance: Provenance | undefined;
}

const lockVersion = 1;
const advice = '"finial plugin lock" writes it';

/** The packages that may run. Operators keep it with their configuration. */
export class PluginLock {
  static readonly empty: PluginLock = new PluginLock([]);
  /** By name, then version. */
  readonly packages: readonly LockedPackage[];

  private constructor(packages: readonly LockedPackage[]) {
    this.packages = packages.toSorted((one, other) => (printPackageId(one) < printPackageId(other) ? -1 : 1));
  }

  /**
   * Reads a lock file: all of it, or nothing.
   *
   * @throws {StatusError} InvalidArgument `PLUGIN_LOCK` with the place and what is wrong with it.
   */
  static parse(text: string): PluginLock {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (cause) {
      throw refused(`it is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
    }
    const file = objectAt("it", json, ["lockVersion", "packages"]);
    if (file.lockVersion !== lockVersion)
      throw refused(`"lockVersion" should be ${lockVersion}, not ${JSON.stringify(file.lockVersion)}`);
    const packages = Object.entries(objectAt('"packages"', file.packages)).map(([id, value]) =>
      parsePackage(id, value),
    );
    const lock = new PluginLock(packages);
    // JSON takes the last of keys that are there twice: a reader would see another file than the program.
    if (squeeze(lock.print()) !== squeeze(text)) throw refused("a key is there twice, or out of its order");
    return lock;
  }

  /** The text, with what changes a line each. */
  print(): string {
    const packages = this.packages.map(({ name, version, integrity, treeSha256, provenance }) => [
      `${name}@${version}`,
      { integrity, treeSha256, provenance: provenance === undefined ? null : printProvenance(provenance) },
    ]);
    return `${JSON.stringify({ lockVersion, packages: Object.fromEntries(packages) }, undefined, 2)}\n`;
  }

  find(id: PackageId): LockedPackage | undefined {
    return this.packages.find(({ name, version }) => name === id.name && version === id.version);
  }

  with(locked: LockedPackage): PluginLock {
    return new PluginLock([...this.without(locked).packages, locked]);
  }

  without(id: PackageId): PluginLock {
    return new PluginLock(
      this.packages.filter(({ name, version }) => name !== id.name || version !== id.version),
    );
  }
}

function parsePackage(id: string, value: unknown): LockedPackage {
  const place = JSON.stringify(id);
  const { integrity, treeSha256, provenance } = objectAt(place, value, [
    "integrity",
    "treeSha256",
    "provenance",
  ]);
  if (typeof integrity !== "string" || !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity))
    throw refused(`${place}: "integrity" should be "sha512-" and 88 characters of base64`);
  if (typeof treeSha256 !== "string" || !/^[0-9a-f]{64}$/.test(treeSha256))
    throw refused(`${place}: "treeSha256" should be 64 hex digits in lower case`);
  return { ...parseId(id), integrity, treeSha256, provenance: parseProvenance(place, provenance) };
}

function parseId(text: string): PackageId {
  try {
    return parsePackageId(text);
  } catch (error) {
    throw refused(StatusError.from(error).message, error);
  }
}

function parseProvenance(place: string, value: unknown): Provenance | undefined {
  if (value === null) return undefined;
  const fields = objectAt(`${place}: "provenance"`, value, ["signer", "issuer", "source"]);
  const text = (key: string): string => {
    const field = fields[key];
    if (typeof field !== "string") throw refused(`${place}: "provenance": "${key}" should be a string`);
    return field;
  };
  return { signer: text("signer"), issuer: text("issuer"), source: text("source") };
}

function printProvenance({ signer, issuer, source }: Provenance): Provenance {
  return { signer, issuer, source };
}

/** @param keys exactly these; absent: any. */
function objectAt(
  place: string,
  value: unknown,
  keys?: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refused(`${place} should be an object`);
  const fields = value as Readonly<Record<string, unknown>>;
  if (keys === undefined) return fields;
  for (const key of Object.keys(fields)) {
    if (keys.includes(key)) continue;
    const meant = nearest(key, [...keys]);
    throw refused(
      `${place} has the key ${JSON.stringify(key)}, which is unknown${meant === undefined ? "" : `; did you mean "${meant}"?`}`,
    );
  }
  const absent = keys.find((key) => !Object.hasOwn(fields, key));
  if (absent !== undefined) throw refused(`${place} lacks "${absent}"`);
  return fields;
}

function squeeze(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

function refused(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, "PLUGIN_LOCK", `${message} (${advice})`, { cause });
}
