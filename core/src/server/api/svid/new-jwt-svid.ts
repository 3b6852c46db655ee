import { Code, StatusError } from "@finial/sdk";
import { checkWorkloadId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { callerOf } from "./caller.ts";
import { issueJwtSvid, issuerOf, workloadOf } from "./mint-jwt-svid.ts";
import type { SvidCall, SvidService } from "./service.ts";

/**
 * Issues a JWT-SVID for an entry the calling agent may have.
 *
 * Throws ResourceExhausted when the caller does this too often, Unimplemented when JWT-SVIDs are disabled, NotFound for an
 * entry that is not the agent's, InvalidArgument without audience or for an entry of an ID that no workload may have.
 */
export function newJwtSvid(service: SvidService): SvidCall<"newJWTSVID"> {
  return async ({ entryId, audience }, context) => {
    audit(context, () => ({ registration_id: entryId, audience: audience.join(",") }));
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to JWT signing request rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    issuerOf(service);
    const entry = service.authorizedEntries.findAuthorizedEntry(callerOf(service, context), entryId);
    if (entry === undefined)
      throw failure(Code.NotFound, "ENTRY_NOT_AUTHORIZED", "entry not found or not authorized");
    const id = workloadOf(() => checkWorkloadId(entry.spiffeId, service.trustDomain));
    const { jwtSvidTtlSeconds, jwtSvidIncludeJti: includeJti } = entry;
    audit(context, () => ({ ttl: jwtSvidTtlSeconds }));
    const options = { id, audience, ttlMs: jwtSvidTtlSeconds * 1000, includeJti };
    return { svid: await issueJwtSvid(service, options, context) };
  };
}
