import { PermissionDeniedDetails, PermissionDeniedDetails_Reason } from "@finial/proto/api/types/status";
import { Code, type StatusDetail, StatusError } from "@finial/sdk";

/** Why an agent is denied: it acts by it. */
export type DenialReason =
  | "AGENT_EXPIRED"
  | "AGENT_NOT_ACTIVE"
  | "AGENT_NOT_ATTESTED"
  | "AGENT_BANNED"
  | "AGENT_MUST_REATTEST";

const typeUrl = "type.googleapis.com/spire.api.types.PermissionDeniedDetails";

/** PermissionDenied with its reason for the agent. */
export function permissionDenied(reason: DenialReason, message: string): StatusError {
  const value = PermissionDeniedDetails.fromPartial({ reason: PermissionDeniedDetails_Reason[reason] });
  const details: readonly StatusDetail[] = [
    { typeUrl, value: Buffer.from(PermissionDeniedDetails.encode(value).finish()) },
  ];
  return new StatusError(Code.PermissionDenied, reason, message, { details });
}

/** The reason in a PermissionDenied; undefined when there is none, or none known. */
export function findDenialReason(error: StatusError): DenialReason | undefined {
  if (error.code !== Code.PermissionDenied) return undefined;
  const detail = error.details.find((candidate) => candidate.typeUrl === typeUrl);
  if (detail === undefined) return undefined;
  const { reason } = decode(detail.value);
  const entry = Object.entries(PermissionDeniedDetails_Reason).find(([, number]) => number === reason);
  return entry === undefined || entry[0] === "UNKNOWN" ? undefined : (entry[0] as DenialReason);
}

function decode(value: Buffer): PermissionDeniedDetails {
  try {
    return PermissionDeniedDetails.decode(value);
  } catch (error) {
    throw new StatusError(Code.Internal, "DETAILS_MALFORMED", "malformed PermissionDeniedDetails", {
      cause: error,
    });
  }
}
