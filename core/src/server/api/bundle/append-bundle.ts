import { Code } from "@finial/sdk";
import type { Bundle, JwtAuthority, TrustDomain, X509Authority } from "@finial/sdk/spiffe";
import { toWireBundle } from "../../../kernel/convert/bundle.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { auditJwtAuthorities, auditX509Authorities } from "./audit-bundle.ts";
import { parseJwtAuthority, parseX509Authorities } from "./parse-authorities.ts";
import type { BundleCall, BundleService } from "./service.ts";

/**
 * Adds authorities to the server's own bundle; those that are there already stay as they are.
 *
 * Throws InvalidArgument without authorities or for a malformed one, Internal when the store fails.
 */
export function appendBundle({ store, trustDomain }: BundleService): BundleCall<"appendBundle"> {
  return async ({ x509Authorities, jwtAuthorities, outputMask }, context) => {
    audit(context, () => ({
      ...auditJwtAuthorities(jwtAuthorities),
      ...auditX509Authorities(x509Authorities),
    }));
    if (x509Authorities.length === 0 && jwtAuthorities.length === 0) {
      throw failure(Code.InvalidArgument, "BUNDLE_NOTHING_TO_APPEND", "no authorities to append");
    }
    const jwt = converted("JWT", () => jwtAuthorities.map(parseJwtAuthority));
    const x509 = converted("X.509", () => parseX509Authorities(x509Authorities));
    return toWireBundle(await appended(store, addition(trustDomain, x509, jwt)), outputMask);
  };
}

function addition(
  trustDomain: TrustDomain,
  x509Authorities: readonly X509Authority[],
  jwtAuthorities: readonly JwtAuthority[],
): Bundle {
  return { trustDomain, x509Authorities, jwtAuthorities, refreshHintSeconds: 0, sequenceNumber: 0 };
}

async function appended(store: BundleService["store"], bundle: Bundle): Promise<Bundle> {
  try {
    return await store.appendBundle(bundle);
  } catch (error) {
    throw failure(Code.Internal, "BUNDLE_APPEND", "failed to append bundle", error);
  }
}

function converted<T>(kind: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw failure(Code.InvalidArgument, "BUNDLE_AUTHORITY", `failed to convert ${kind} authority`, error);
  }
}
