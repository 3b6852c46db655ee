import { Code, StatusError } from "@finial/sdk";

/** A feature of SPIRE's configuration that is set and that this version does not have. */
export interface MissingFeature {
  /** The key, such as `server.federation.bundle_endpoint`. */
  readonly key: string;
  /** What going on without it means; `refuse` where it would weaken a promise the operator relies on. */
  readonly effect: "warn" | "refuse";
}

/** A key as a missing feature if it is set to anything but what it is without. */
export function setKey(
  key: string,
  value: unknown,
  effect: MissingFeature["effect"],
): readonly MissingFeature[] {
  const unset = value === undefined || value === false || value === "";
  return unset || (Array.isArray(value) && value.length === 0) ? [] : [{ key, effect }];
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
