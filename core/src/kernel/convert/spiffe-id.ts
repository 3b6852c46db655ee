import type { SPIFFEID } from "@finial/proto/api/types/spiffeid";
import { Code, StatusError } from "@finial/sdk";
import { parseTrustDomain, SpiffeId, type TrustDomain } from "@finial/sdk/spiffe";

/** An ID as `spire.api.types.SPIFFEID`: its trust domain's bare name and its path. */
export function toWireSpiffeId(id: SpiffeId): SPIFFEID {
  return { trustDomain: id.trustDomain.name, path: id.path };
}

/** @throws {StatusError} InvalidArgument when it is absent or malformed. */
export function fromWireSpiffeId(wire: SPIFFEID | undefined): SpiffeId {
  if (wire === undefined) throw refused("SPIFFE_ID_ABSENT", "request must specify SPIFFE ID");
  return SpiffeId.make(parseTrustDomain(wire.trustDomain), wire.path);
}

/**
 * An ID that some entry, agent or server of the trust domain may have: any with a path.
 *
 * @throws {StatusError} InvalidArgument with SPIRE's sentence.
 */
export function fromWireMemberId(wire: SPIFFEID | undefined, trustDomain: TrustDomain): SpiffeId {
  return inTrustDomain(fromWireSpiffeId(wire), trustDomain, "a member of");
}

/**
 * An ID that a workload may have: outside of what SPIRE keeps for itself below `/spire`.
 *
 * @throws {StatusError} InvalidArgument with SPIRE's sentence.
 */
export function fromWireWorkloadId(wire: SPIFFEID | undefined, trustDomain: TrustDomain): SpiffeId {
  return checkWorkloadId(fromWireSpiffeId(wire), trustDomain);
}

/** The same of an ID that did not come as a message. */
export function checkWorkloadId(workloadId: SpiffeId, trustDomain: TrustDomain): SpiffeId {
  const id = inTrustDomain(workloadId, trustDomain, "a workload in");
  if (id.path !== "/spire" && !id.path.startsWith("/spire/")) return id;
  throw refused(
    "SPIFFE_ID_RESERVED",
    `"${id}" is not a workload in trust domain "${trustDomain}"; path is in the reserved namespace`,
  );
}

/**
 * An agent's ID: below `/spire/agent/`.
 *
 * @throws {StatusError} InvalidArgument with SPIRE's sentence.
 */
export function fromWireAgentId(wire: SPIFFEID | undefined, trustDomain: TrustDomain): SpiffeId {
  const id = inTrustDomain(fromWireSpiffeId(wire), trustDomain, "an agent in");
  if (id.path.startsWith("/spire/agent/")) return id;
  throw refused(
    "SPIFFE_ID_NOT_AGENT",
    `"${id}" is not an agent in trust domain "${trustDomain}"; path is not in the agent namespace`,
  );
}

function inTrustDomain(id: SpiffeId, trustDomain: TrustDomain, role: string): SpiffeId {
  if (!id.memberOf(trustDomain)) {
    throw refused("SPIFFE_ID_FOREIGN", `"${id}" is not a member of trust domain "${trustDomain}"`);
  }
  if (id.path !== "") return id;
  throw refused("SPIFFE_ID_NO_PATH", `"${id}" is not ${role} trust domain "${trustDomain}"; path is empty`);
}

function refused(reason: string, message: string): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message);
}
