import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code, StatusError } from "@finial/sdk";
import { bundleFromJSON, isBundleWithDsseEnvelope, type SerializedBundle } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { getTrustedRoot } from "@sigstore/tuf";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { printPackageId } from "../../../kernel/pluginstore/package-id.ts";
import type { Provenance } from "../../../kernel/pluginstore/plugin-lock.ts";
import type { PublishedPackage } from "./registry.ts";

/** SLSA's statements of how something was built. */
const predicateTypes: ReadonlySet<unknown> = new Set([
  "https://slsa.dev/provenance/v0.2",
  "https://slsa.dev/provenance/v1",
]);
const statementType = "application/vnd.in-toto+json";

/** What registries answer where a package's attestations are. */
export interface Attestations {
  readonly attestations: readonly { readonly predicateType: string; readonly bundle: SerializedBundle }[];
}

/**
 * The keys and certificates that signatures are verified with.
 *
 * @param file a `trusted_root.json` of a Sigstore of one's own, or of the public one for a machine without a network; "": the
 *   public one's, by The Update Framework.
 * @param cache a folder for what is fetched then.
 * @throws {StatusError} InvalidArgument or Unavailable.
 */
export async function readTrustedRoot(file: string, cache: string): Promise<TrustedRoot> {
  if (file !== "")
    try {
      return TrustedRoot.fromJSON(JSON.parse(readFileSync(file, "utf8")));
    } catch (cause) {
      throw failure(Code.InvalidArgument, `${file} is no trusted root of Sigstore`, cause);
    }
  try {
    return await getTrustedRoot({ cachePath: join(cache, "tuf") });
  } catch (cause) {
    throw failure(
      Code.Unavailable,
      "Sigstore's trusted root cannot be fetched, and -trustedRoot names no file of it",
      cause,
    );
  }
}

/**
 * Verifies that a statement says, of exactly these bytes, what they were built from, and that it was signed by whom it names and
 * logged.
 *
 * @throws {StatusError} FailedPrecondition `PLUGIN_PROVENANCE`: a statement that is not true is worse than none.
 */
export function verifyProvenance(
  published: PublishedPackage,
  { attestations }: Attestations,
  trustedRoot: TrustedRoot,
): Provenance | undefined {
  const title = printPackageId(published);
  const found = attestations.find(({ predicateType }) => predicateTypes.has(predicateType));
  if (found === undefined) return undefined;
  try {
    const bundle = bundleFromJSON(found.bundle);
    if (!isBundleWithDsseEnvelope(bundle)) throw new Error("it is no signed statement");
    const signer = new Verifier(toTrustMaterial(trustedRoot)).verify(toSignedEntity(bundle));
    const { subjectAlternativeName = "", extensions } = signer.identity ?? {};
    if (subjectAlternativeName === "") throw new Error("nobody is named as its signer");
    const { payloadType, payload } = bundle.content.dsseEnvelope;
    if (payloadType !== statementType) throw new Error(`it is a ${payloadType}`);
    const statement: Statement = JSON.parse(payload.toString("utf8"));
    requireSubject(statement, published);
    if (!predicateTypes.has(statement.predicateType)) throw new Error(`it is a ${statement.predicateType}`);
    return { signer: subjectAlternativeName, issuer: extensions?.issuer ?? "", source: sourceOf(statement) };
  } catch (cause) {
    throw failure(Code.FailedPrecondition, `the provenance of ${title} does not hold`, cause);
  }
}

interface Statement {
  readonly subject?: readonly { readonly name?: unknown; readonly digest?: { readonly sha512?: unknown } }[];
  readonly predicateType?: unknown;
  readonly predicate?: {
    readonly buildDefinition?: {
      readonly externalParameters?: { readonly workflow?: { readonly repository?: unknown } };
    };
    readonly invocation?: { readonly configSource?: { readonly uri?: unknown } };
  };
}

function requireSubject({ subject = [] }: Statement, { name, version, integrity }: PublishedPackage): void {
  // As npm's own purl has it: only the "@" of a scope is encoded.
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const sha512 = Buffer.from(integrity.slice("sha512-".length), "base64").toString("hex");
  const [only, ...more] = subject;
  if (only === undefined || more.length > 0) throw new Error(`it speaks of ${subject.length} things`);
  if (only.name !== purl) throw new Error(`it speaks of ${only.name}, not of ${purl}`);
  if (only.digest?.sha512 !== sha512) throw new Error("it speaks of other bytes");
}

function sourceOf({ predicate }: Statement): string {
  const source =
    predicate?.buildDefinition?.externalParameters?.workflow?.repository ??
    predicate?.invocation?.configSource?.uri;
  return typeof source === "string" ? source : "";
}

function failure(code: Code, sentence: string, cause: unknown): StatusError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StatusError(code, "PLUGIN_PROVENANCE", `${sentence}: ${why}`, { cause });
}
