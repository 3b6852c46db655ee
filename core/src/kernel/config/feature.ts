import { Code, StatusError } from "@finial/sdk";

/** A feature of SPIRE's configuration that is set and that this version does not have. */
export interface MissingFeature {
  /** The key, such as `server.federation.bundle_endpoint`. */
  readonly key: string;
  /** What going on without it means; `refuse` where it would weaken a promise the operator relies on. */
  readonly effect: "warn" | "refuse";
}

/** @throws {StatusError} InvalidArgument naming every key that must not be passed over. */
export function refuseMissing(features: readonly MissingFeature[]): void {
  const refused = features.filter(({ effect }) => effect === "refuse");
  if (refused.length === 0) return;
  throw new StatusError(
    Code.InvalidArgument,
    "FEATURE_MISSING",
    refused
      .map(
        ({ key }) =>
          `${key} is not supported by this version of Finial, and must not be silently ignored: remove it`,
      )
      .join("\n"),
  );
}

/** A sentence for each key that is passed over. */
export function warningsOf(features: readonly MissingFeature[]): readonly string[] {
  return features
    .filter(({ effect }) => effect === "warn")
    .map(({ key }) => `${key} is not supported by this version of Finial; it is ignored`);
}
