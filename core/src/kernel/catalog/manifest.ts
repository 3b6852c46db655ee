import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { Code, StatusError } from "@finial/sdk";

export type Side = "server" | "agent";

/** What a plugin's folder says of it: `plugin.json`. */
export interface Manifest {
  readonly side: Side;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  /** Full names of the services it offers. */
  readonly services: readonly string[];
  /** Absolute path of its one bundled file. */
  readonly main: string;
  /** SHA-256 in hex of `main`; a checkout has none, a release always. */
  readonly sha256: string | undefined;
  /** Whether it can seal its link with mutual TLS (AutoMTLS), so that nobody else on the machine can use it. */
  readonly mtls: boolean;
  /** Whether what it holds is gone when its process is: it may come back without. */
  readonly ephemeral: boolean;
}

/** The manifests of one folder of plugins, laid out as `<side>/<type>/<name>/plugin.json`. */
export class Manifests {
  /** The daemon's. */
  readonly side: Side;
  readonly #folder: string;

  constructor(folder: string, side: Side) {
    this.#folder = folder;
    this.side = side;
  }

  /** @throws {StatusError} FailedPrecondition `MANIFEST` when the manifest is there and is not what it should be. */
  find(type: string, name: string): Manifest | undefined {
    // Both come from the configuration: no name may lead out of the folder.
    if (!/^\w+$/.test(type) || !/^[\w-]+$/.test(name)) return undefined;
    const path = join(this.#folder, this.side, type.toLowerCase(), name, "plugin.json");
    return existsSync(path) ? read(path, { side: this.side, type, name }) : undefined;
  }

  /** Names of the plugins there are of a type, sorted. */
  names(type: string): readonly string[] {
    return globSync("*/plugin.json", { cwd: join(this.#folder, this.side, type.toLowerCase()) })
      .map((path) => dirname(path))
      .sort();
  }
}

function read(path: string, expected: Pick<Manifest, "side" | "type" | "name">): Manifest {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw refusedManifest(path, error instanceof Error ? error.message : String(error), error);
  }
  return parseManifest(text, path, { ...expected, saidBy: "the folder" });
}

/** Whose plugin a manifest has to be of, and who says so. */
export interface ExpectedManifest extends Pick<Manifest, "side" | "type" | "name"> {
  readonly saidBy: string;
}

/**
 * @param path of the file that the text is of: `main` lies in its folder.
 * @param expected absent: whose it says.
 * @throws {StatusError} FailedPrecondition `MANIFEST`.
 */
export function parseManifest(text: string, path: string, expected?: ExpectedManifest): Manifest {
  const refused = (why: string, cause?: unknown): StatusError => refusedManifest(path, why, cause);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw refused(error instanceof Error ? error.message : String(error), error);
  }
  if (typeof parsed !== "object" || parsed === null) throw refused("it must be an object");
  const fields = parsed as Readonly<Record<string, unknown>>;
  if (expected !== undefined)
    for (const key of ["side", "type", "name"] as const)
      if (fields[key] !== expected[key])
        throw refused(
          `"${key}" must be "${expected[key]}", as ${expected.saidBy} says, not ${JSON.stringify(fields[key])}`,
        );
  const { side, type, name } = fields;
  if (side !== "server" && side !== "agent") throw refused('"side" must be "server" or "agent"');
  if (typeof type !== "string" || !/^\w+$/.test(type))
    throw refused('"type" must be a plugin type, such as "KeyManager"');
  if (typeof name !== "string" || !/^[\w-]+$/.test(name))
    throw refused('"name" must be of letters, digits, "_" and "-"');
  const { version, services, main, sha256, mtls = false, ephemeral = false } = fields;
  if (typeof version !== "string") throw refused('"version" must be a string');
  if (typeof main !== "string" || !isWithin(dirname(path), main))
    throw refused('"main" must name a file of the plugin\'s folder');
  if (!Array.isArray(services) || !services.every((service) => typeof service === "string"))
    throw refused('"services" must list full service names');
  if (sha256 !== undefined && typeof sha256 !== "string") throw refused('"sha256" must be a string');
  if (typeof mtls !== "boolean") throw refused('"mtls" must be true or false');
  if (typeof ephemeral !== "boolean") throw refused('"ephemeral" must be true or false');
  return { side, type, name, version, services, main: join(dirname(path), main), sha256, mtls, ephemeral };
}

function refusedManifest(path: string, why: string, cause: unknown): StatusError {
  return new StatusError(Code.FailedPrecondition, "MANIFEST", `${path}: ${why}`, { cause });
}

function isWithin(folder: string, file: string): boolean {
  const way = relative(folder, join(folder, file));
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`);
}
