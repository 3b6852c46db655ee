import { Code } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { fromWireWorkloadId, toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import type { SvidCall, SvidService } from "./service.ts";

/**
 * Issues a JWT-SVID for any workload here. For operators.
 *
 * Throws Unimplemented when JWT-SVIDs are disabled, InvalidArgument for a malformed ID or no audience, Internal when it
 * cannot be signed.
 */
export function mintJwtSvid(service: SvidService): SvidCall<"mintJWTSVID"> {
  return async ({ id, audience, ttl }, context) => {
    audit(context, () => ({ ttl, audience: audience.join(",") }));
    issuerOf(service);
    const options = {
      id: workloadOf(() => fromWireWorkloadId(id, service.trustDomain)),
      audience,
      ttlMs: ttl * 1000,
      includeJti: false,
    };
    return { svid: await issueJwtSvid(service, options, context) };
  };
}

/** @throws {StatusError} Unimplemented. */
export function issuerOf({ jwt }: SvidService): NonNullable<SvidService["jwt"]> {
  if (jwt === undefined) throw failure(Code.Unimplemented, "JWT_DISABLED", "JWT functionality is disabled");
  return jwt;
}

/** Whom a token is for. @throws {StatusError} InvalidArgument, in SPIRE's words. */
export function workloadOf(read: () => SpiffeId): SpiffeId {
  try {
    return read();
  } catch (error) {
    throw failure(Code.InvalidArgument, "SPIFFE_ID_INVALID", "invalid SPIFFE ID", error);
  }
}

/** The token and what is said of it on the wire. */
export async function issueJwtSvid(
  service: SvidService,
  options: {
    readonly id: SpiffeId;
    readonly audience: readonly string[];
    readonly ttlMs: number;
    readonly includeJti: boolean;
  },
  context: CallContext,
) {
  const { id, audience } = options;
  audit(context, () => ({ spiffe_id: id.toString() }));
  if (audience.length === 0)
    throw failure(Code.InvalidArgument, "AUDIENCE_MISSING", "at least one audience is required");
  const { token, issuedAt, expiresAt } = await sign(service, options);
  service.logger.debug("Server CA successfully signed JWT SVID", () => ({
    spiffe_id: id.toString(),
    audience,
    expiration: expiresAt.toISOString(),
  }));
  return {
    token,
    id: toWireSpiffeId(id),
    expiresAt: toWireSeconds(expiresAt),
    issuedAt: toWireSeconds(issuedAt),
    hint: "",
  };
}

async function sign(service: SvidService, options: Parameters<NonNullable<SvidService["jwt"]>["issue"]>[0]) {
  try {
    return await issuerOf(service).issue(options);
  } catch (error) {
    throw failure(Code.Internal, "JWT_SVID_SIGN", "failed to sign JWT-SVID", error);
  }
}
