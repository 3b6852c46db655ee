import { createHash } from "node:crypto";
import type { AgentX509SVIDParams } from "@finial/proto/api/server/agent/v1/agent";
import { Code, StatusError } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { permissionDenied } from "../../../kernel/convert/permission-denied.ts";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import type { IssuedX509 } from "../../ca/x509-svid-issuer.ts";
import { isBanned } from "../../node/attested-nodes.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { callerOf } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { signSvid } from "./sign-svid.ts";
import { writeNode } from "./write-node.ts";

/**
 * Issues the calling agent its next SVID; the one it has stays good until the next is used.
 *
 * Throws ResourceExhausted, NotFound, PermissionDenied AGENT_MUST_REATTEST for one that can attest again and AGENT_BANNED, InvalidArgument
 * for a missing or malformed CSR.
 */
export function renewAgent(service: AgentService): AgentCall<"renewAgent"> {
  const { nodes } = service;
  return async ({ params }, context) => {
    audit(context, () => (params?.csr ? { csr: createHash("sha256").update(params.csr).digest("hex") } : {}));
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to renew agent rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const id = callerOf(service, context);
    // In turn: between what is read here and what is written nobody is banned.
    const { certificate, chainDer } = await nodes.inTurn(id, () => renew(id, params, service));
    return {
      svid: {
        id: toWireSpiffeId(id),
        certChain: [...chainDer],
        expiresAt: toWireSeconds(certificate.notAfter),
      },
    };
  };
}

async function renew(
  id: SpiffeId,
  params: AgentX509SVIDParams | undefined,
  service: AgentService,
): Promise<IssuedX509> {
  const { store, nodes, logger } = service;
  const node = await store.findNode(id).catch((error: unknown) => {
    throw failure(Code.Internal, "AGENT_FETCH", "failed to fetch agent", error);
  });
  if (node === undefined) throw failure(Code.NotFound, "AGENT_NOT_FOUND", "agent not found");
  // It was let in before, and may have waited for its turn since.
  if (isBanned(node)) throw permissionDenied("AGENT_BANNED", `agent "${id}" is banned`);
  if (node.canReattest) throw permissionDenied("AGENT_MUST_REATTEST", "agent must reattest instead of renew");
  logger.info("Renewing agent SVID", { spiffe_id: id.toString() });
  if (params === undefined) throw failure(Code.InvalidArgument, "PARAMS_MISSING", "params cannot be nil");
  if (params.csr.length === 0) throw failure(Code.InvalidArgument, "CSR_MISSING", "missing CSR");
  const issued = await signSvid(id, params.csr, service);
  await writeNode("failed to update agent", () =>
    nodes.update(id, {
      newSerialNumber: issued.certificate.serialNumber.toString(),
      newExpiresAt: issued.certificate.notAfter,
    }),
  );
  return issued;
}
