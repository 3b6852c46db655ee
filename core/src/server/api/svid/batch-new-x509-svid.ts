import { createHash } from "node:crypto";
import type {
  BatchNewX509SVIDResponse_Result,
  NewX509SVIDParams,
} from "@finial/proto/api/server/svid/v1/svid";
import { Code, StatusError } from "@finial/sdk";
import type { RegistrationEntry, SpiffeId } from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { okStatus } from "../../../kernel/convert/status.ts";
import type { IssuedX509 } from "../../ca/x509-svid-issuer.ts";
import { auditItem } from "../audit.ts";
import { failure, itemFailure } from "../failure.ts";
import { callerOf } from "./caller.ts";
import { readRequest } from "./certificate-request.ts";
import { logSignedX509 } from "./log-signed.ts";
import type { SvidCall, SvidService } from "./service.ts";

/**
 * Issues X.509-SVIDs for entries the calling agent may have, a status each: InvalidArgument for missing or bad parameters,
 * NotFound for an entry that is not the agent's, Internal when it cannot be signed. A CSR gives its key and nothing more.
 *
 * Throws InvalidArgument without parameters, ResourceExhausted when the caller asks for too many.
 */
export function batchNewX509Svid(service: SvidService): SvidCall<"batchNewX509SVID"> {
  return async ({ params }, context) => {
    if (params.length === 0) throw failure(Code.InvalidArgument, "PARAMS_MISSING", "missing parameters");
    try {
      await service.rateLimit(context, params.length);
    } catch (error) {
      const what = "rejecting request due to certificate signing rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const agentId = callerOf(service, context);
    // All at once: their signatures then travel to the key manager together.
    const results = await Promise.all(params.map((param) => resultOf(param, agentId, service)));
    for (const [index, { status, svid }] of results.entries())
      auditItem(context, status ?? okStatus, () => auditFields(params[index], svid));
    return { results };
  };
}

async function resultOf(
  param: NewX509SVIDParams,
  agentId: SpiffeId,
  service: SvidService,
): Promise<BatchNewX509SVIDResponse_Result> {
  const { logger } = service;
  try {
    const { entry, issued } = await issue(param, agentId, service);
    logSignedX509(logger, entry.spiffeId, issued, {
      registration_id: entry.id,
      revision_number: entry.revisionNumber,
    });
    return {
      status: okStatus,
      svid: {
        id: toWireSpiffeId(entry.spiffeId),
        certChain: [...issued.chainDer],
        expiresAt: toWireSeconds(issued.notAfter),
        hint: "",
      },
    };
  } catch (error) {
    return {
      status: itemFailure(logger, StatusError.from(error), { registration_id: param.entryId }),
      svid: undefined,
    };
  }
}

async function issue(
  { entryId, csr }: NewX509SVIDParams,
  agentId: SpiffeId,
  { authorizedEntries, x509 }: SvidService,
): Promise<{ readonly entry: RegistrationEntry; readonly issued: IssuedX509 }> {
  if (entryId === "") throw failure(Code.InvalidArgument, "ENTRY_ID_MISSING", "missing entry ID");
  if (csr.length === 0) throw failure(Code.InvalidArgument, "CSR_MISSING", "missing CSR");
  const entry = authorizedEntries.findAuthorizedEntry(agentId, entryId);
  if (entry === undefined)
    throw failure(Code.NotFound, "ENTRY_NOT_AUTHORIZED", "entry not found or not authorized");
  const { publicKey } = await readRequest(csr, "invalid CSR signature");
  const { spiffeId: id, dnsNames, x509SvidTtlSeconds } = entry;
  try {
    const options = { id, publicKey, dnsNames, ttlMs: x509SvidTtlSeconds * 1000 };
    return { entry, issued: await x509.issueToWorkload(options) };
  } catch (error) {
    throw failure(Code.Internal, "X509_SVID_SIGN", "failed to sign X509-SVID", error);
  }
}

function auditFields(
  param: NewX509SVIDParams | undefined,
  svid: BatchNewX509SVIDResponse_Result["svid"],
): Readonly<Record<string, unknown>> {
  return {
    csr: createHash("sha256")
      .update(param?.csr ?? "")
      .digest("hex"),
    registration_id: param?.entryId,
    spiffe_id: svid?.id === undefined ? "" : `spiffe://${svid.id.trustDomain}${svid.id.path}`,
    ...(svid && { expires_at: svid.expiresAt }),
  };
}
