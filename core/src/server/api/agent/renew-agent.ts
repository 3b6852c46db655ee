import { createHash } from "node:crypto";
import { Code, StatusError } from "@finial/sdk";
import { toWireSeconds } from "../../../kernel/convert/instant.ts";
import { permissionDenied } from "../../../kernel/convert/permission-denied.ts";
import { toWireSpiffeId } from "../../../kernel/convert/spiffe-id.ts";
import { audit } from "../audit.ts";
import { failure } from "../failure.ts";
import { callerOf } from "./agent-id.ts";
import type { AgentCall, AgentService } from "./service.ts";
import { signSvid } from "./sign-svid.ts";
import { writeNode } from "./write-node.ts";

/**
 * Issues the calling agent its next SVID; the one it has stays good until the next is used.
 *
 * Throws ResourceExhausted, NotFound, PermissionDenied AGENT_MUST_REATTEST for one that can attest again, InvalidArgument for a
 * missing or malformed CSR.
 */
export function renewAgent(service: AgentService): AgentCall<"renewAgent"> {
  const { store, nodes, logger } = service;
  return async ({ params }, context) => {
    audit(context, () => (params?.csr ? { csr: createHash("sha256").update(params.csr).digest("hex") } : {}));
    try {
      await service.rateLimit(context, 1);
    } catch (error) {
      const what = "rejecting request due to renew agent rate limiting";
      throw failure(StatusError.from(error).code, "RATE_LIMIT", what, error);
    }
    const id = callerOf(service, context);
    const node = await store.findNode(id).catch((error: unknown) => {
      throw failure(Code.Internal, "AGENT_FETCH", "failed to fetch agent", error);
    });
    if (node === undefined) throw failure(Code.NotFound, "AGENT_NOT_FOUND", "agent not found");
    if (node.canReattest)
      throw permissionDenied("AGENT_MUST_REATTEST", "agent must reattest instead of renew");
    logger.info("Renewing agent SVID", { spiffe_id: id.toString() });
    if (params === undefined) throw failure(Code.InvalidArgument, "PARAMS_MISSING", "params cannot be nil");
    if (params.csr.length === 0) throw failure(Code.InvalidArgument, "CSR_MISSING", "missing CSR");
    const { certificate, chainDer } = await signSvid(id, params.csr, service);
    await writeNode("failed to update agent", () =>
      nodes.update(id, {
        newSerialNumber: certificate.serialNumber.toString(),
        newExpiresAt: certificate.notAfter,
      }),
    );
    return {
      svid: {
        id: toWireSpiffeId(id),
        certChain: [...chainDer],
        expiresAt: toWireSeconds(certificate.notAfter),
      },
    };
  };
}
