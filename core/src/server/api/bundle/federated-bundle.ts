import type { Bundle as WireBundle, BundleMask as WireBundleMask } from "@finial/proto/api/types/bundle";
import { Code, StatusError } from "@finial/sdk";
import { type Bundle, parseTrustDomain, type TrustDomain } from "@finial/sdk/spiffe";
import { failure } from "../failure.ts";
import { parseJwtAuthority, parseX509Authorities } from "./parse-authorities.ts";

export type BundleField = "x509Authorities" | "jwtAuthorities" | "refreshHintSeconds" | "sequenceNumber";

/**
 * The trust domain of a bundle that is not the server's own.
 *
 * @param doing for the server's own: "creating a federated bundle for the server's own trust domain"
 * @throws {StatusError} InvalidArgument when it is malformed or the server's own
 */
export function parseForeignTrustDomain(name: string, own: TrustDomain, doing: string): TrustDomain {
  let trustDomain: TrustDomain;
  try {
    trustDomain = parseTrustDomain(name);
  } catch (error) {
    throw failure(Code.InvalidArgument, "BUNDLE_TRUST_DOMAIN", "trust domain argument is not valid", error);
  }
  if (!trustDomain.equals(own)) return trustDomain;
  throw failure(Code.InvalidArgument, "BUNDLE_OWN_TRUST_DOMAIN", `${doing} is not allowed`);
}

/**
 * Another trust domain's bundle that a caller brings.
 *
 * @throws {StatusError} InvalidArgument that names the malformed part
 */
export function parseBundle(wire: WireBundle, trustDomain: TrustDomain): Bundle {
  try {
    return {
      trustDomain,
      x509Authorities: named("unable to parse X.509 authority", () =>
        parseX509Authorities(wire.x509Authorities),
      ),
      jwtAuthorities: named("unable to parse JWT authority", () =>
        wire.jwtAuthorities.map(parseJwtAuthority),
      ),
      refreshHintSeconds: wire.refreshHint,
      sequenceNumber: wire.sequenceNumber,
    };
  } catch (error) {
    throw failure(Code.InvalidArgument, "BUNDLE_MALFORMED", "failed to convert bundle", error);
  }
}

const maskNames: { readonly [field in keyof WireBundleMask]: readonly BundleField[] } = {
  x509Authorities: ["x509Authorities"],
  jwtAuthorities: ["jwtAuthorities"],
  refreshHint: ["refreshHintSeconds"],
  sequenceNumber: ["sequenceNumber"],
  witAuthorities: [],
};

/** Which fields of the stored bundle an update with this mask replaces; absent means all. */
export function parseBundleMask(mask: WireBundleMask | undefined): ReadonlySet<BundleField> | undefined {
  if (mask === undefined) return undefined;
  const wanted = Object.entries(maskNames).filter(([field]) => mask[field as keyof WireBundleMask]);
  return new Set(wanted.flatMap(([, names]) => names));
}

function named<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw StatusError.from(error).prefixed(`${what}: `);
  }
}
