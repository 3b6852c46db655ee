import type { JWTKey } from "@finial/proto/api/types/bundle";
import { Code, StatusError } from "@finial/sdk";
import type { JwtAuthority } from "@finial/sdk/spiffe";
import { toWireJwtKeys } from "../../../kernel/convert/jwt-key.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { auditJwtAuthority } from "./audit-bundle.ts";
import { parseJwtAuthority } from "./parse-authorities.ts";
import type { BundleCall, BundleService } from "./service.ts";

/**
 * Takes a downstream server's JWT key into the trust domain and answers with all keys known then.
 *
 * Throws ResourceExhausted when the caller does this too often, InvalidArgument for a missing or malformed key, Internal
 * when it could not be published.
 */
export function publishJwtAuthority(service: BundleService): BundleCall<"publishJWTAuthority"> {
  return async ({ jwtAuthority }, context) => {
    audit(context, () => (jwtAuthority === undefined ? {} : auditJwtAuthority(jwtAuthority)));
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to key publishing rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const key = parseKey(jwtAuthority);
    try {
      return { jwtAuthorities: toWireJwtKeys(await service.publishJwtKey(key)) };
    } catch (error) {
      throw failure(Code.Internal, "JWT_AUTHORITY_PUBLISH", "failed to publish JWT key", error);
    }
  };
}

function parseKey(wire: JWTKey | undefined): JwtAuthority {
  if (wire === undefined)
    throw failure(Code.InvalidArgument, "JWT_AUTHORITY_MISSING", "missing JWT authority");
  try {
    return parseJwtAuthority(wire);
  } catch (error) {
    throw failure(Code.InvalidArgument, "JWT_AUTHORITY_MALFORMED", "invalid JWT authority", error);
  }
}
