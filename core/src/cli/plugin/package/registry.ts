import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import npmFetch from "npm-registry-fetch";
import pacote from "pacote";
import { isExactVersion, isPackageName, type PackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { Provenance } from "../../../kernel/pluginstore/plugin-lock.ts";
import type { CommandIo } from "../../io.ts";
import { usageError } from "../../usage-error.ts";
import { type NpmSettings, readNpmSettings } from "./npm-settings.ts";
import type { Attestations } from "./provenance.ts";

/** A version as the registry has it. */
export interface PublishedPackage extends PackageId {
  /** `sha512-` and base64. */
  readonly integrity: string;
  /** Where its attestations are, a URL; undefined when it has none. */
  readonly attestationsUrl: string | undefined;
}

/** A registry of npm packages, as npm itself would find and ask it. Runs nothing of what it fetches. */
export class PackageRegistry implements Disposable {
  readonly settings: NpmSettings;
  readonly #cache: string;

  private constructor(settings: NpmSettings, cache: string) {
    this.settings = { ...settings, cache, ignoreScripts: true, preferOnline: true };
    this.#cache = cache;
  }

  /** @param registry its URL; "": npm's own configuration says which. */
  static async open(io: Pick<CommandIo, "env" | "cwd">, registry: string): Promise<PackageRegistry> {
    const settings = await readNpmSettings(io, registry);
    return new PackageRegistry(settings, mkdtempSync(join(tmpdir(), "finial-registry-")));
  }

  /**
   * @param wanted a name, or a name with a version, a range or a tag: `@vendor/name@^1.2`.
   * @throws {StatusError} NotFound; Unavailable when the registry cannot be asked; FailedPrecondition for one without SHA-512.
   */
  async resolve(wanted: string): Promise<PublishedPackage> {
    requireRegistryName(wanted);
    const found = await pacote
      .manifest(wanted, { ...this.settings, fullMetadata: true })
      .catch((error: unknown) => {
        throw explain(error, wanted);
      });
    const { name, version, dist } = found;
    if (!isPackageName(name) || !isExactVersion(version))
      throw refused(
        `the registry answers for ${wanted} with ${name}@${version}, which is no name and version`,
      );
    const integrity = / ?(sha512-[A-Za-z0-9+/]{86}==)/.exec(String(dist?.integrity ?? ""))?.[1];
    if (integrity === undefined)
      throw refused(
        `${name}@${version}: the registry has no SHA-512 of it, so what it sends cannot be verified; it has to be published anew`,
      );
    const { attestations } = dist as { readonly attestations?: { readonly url?: unknown } };
    const url = attestations?.url;
    return { name, version, integrity, attestationsUrl: typeof url === "string" ? url : undefined };
  }

  /**
   * The package as it is sent, verified to be what `integrity` says.
   *
   * @throws {StatusError} Unavailable; FailedPrecondition when it is another.
   */
  async fetch({ name, version }: PackageId, integrity: string): Promise<Buffer> {
    const title = `${name}@${version}`;
    return await pacote.tarball(title, { ...this.settings, integrity }).catch((error: unknown) => {
      throw explain(error, title);
    });
  }

  /**
   * What there is to say of where a package comes from, verified.
   *
   * @param trustedRootFile as {@link readTrustedRoot}.
   * @returns undefined when the registry has nothing.
   * @throws {StatusError} FailedPrecondition `PLUGIN_PROVENANCE`; Unavailable.
   */
  async provenanceOf(published: PublishedPackage, trustedRootFile: string): Promise<Provenance | undefined> {
    const { attestationsUrl } = published;
    if (attestationsUrl === undefined) return undefined;
    const title = `${published.name}@${published.version}`;
    // Of this registry, as npm does: the URL may be that of the registry it was mirrored from.
    const url = new URL(new URL(attestationsUrl).pathname, npmFetch.pickRegistry(title, this.settings));
    const answer = await npmFetch.json(url.href, this.settings).catch((error: unknown) => {
      throw explain(error, `the attestations of ${title}`);
    });
    const attestations = (answer as Partial<Attestations>).attestations;
    if (!Array.isArray(attestations)) throw refused(`${title}: the registry's attestations are no list`);
    const { verifyProvenance, readTrustedRoot } = await import("./provenance.ts");
    return verifyProvenance(published, { attestations }, await readTrustedRoot(trustedRootFile, this.#cache));
  }

  [Symbol.dispose](): void {
    rmSync(this.#cache, { recursive: true, force: true });
  }
}

/** Not a folder, a file, a URL or a repository, which npm takes, too. */
function requireRegistryName(wanted: string): void {
  const at = wanted.indexOf("@", 1);
  const name = at === -1 ? wanted : wanted.slice(0, at);
  const version = at === -1 ? "latest" : wanted.slice(at + 1);
  if (!isPackageName(name) || /[:/]/.test(version) || version === "")
    throw usageError(`${JSON.stringify(wanted)} names no package: it should be such as @vendor/name@1.2.3`);
}

function explain(error: unknown, wanted: string): StatusError {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  const why = (message ?? String(error)).split("\n")[0]?.trim() ?? "";
  if (code === "E404")
    return new StatusError(Code.NotFound, "PLUGIN_REGISTRY", `the registry has no package ${wanted}`, {
      cause: error,
    });
  if (code === "ETARGET" || code === "ENOVERSIONS")
    return new StatusError(Code.NotFound, "PLUGIN_REGISTRY", `the registry has no such version: ${why}`, {
      cause: error,
    });
  if (code === "EINTEGRITY")
    return refused(`${wanted}: what the registry sends is not what was published or locked: ${why}`, error);
  return new StatusError(
    Code.Unavailable,
    "PLUGIN_REGISTRY",
    `the registry could not be asked for ${wanted}: ${why}`,
    { cause: error },
  );
}

function refused(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.FailedPrecondition, "PLUGIN_PACKAGE", message, { cause });
}
