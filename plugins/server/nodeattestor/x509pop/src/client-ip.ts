import { type CallContext, Code, type Logger, StatusError } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import { formatIpAddress, parseIpAddress, toIpAddress } from "./ip-address.ts";

/** The host's word of where an agent calls from. */
const metadataKey = "x-forwarded-client-ip";

/**
 * Checks that an agent calls from an address its certificate names.
 *
 * @throws {StatusError} Internal when the host does not say where from; PermissionDenied when from elsewhere.
 */
export function checkClientIp(
  { subjectAltName }: Certificate,
  metadata: CallContext["metadata"],
  logger: Logger,
): void {
  const [first = "", ...others] = metadata.get(metadataKey);
  if (first === "")
    throw new StatusError(Code.Internal, "CLIENT_IP", "client IP not available for verification");
  if (others.length > 0) logger.warn("Multiple client IP values found in metadata, using first value");
  const clientIp = parseIpAddress(first);
  if (clientIp === undefined)
    throw new StatusError(Code.Internal, "CLIENT_IP", `invalid client IP ${JSON.stringify(first)}`);
  if (subjectAltName.ipAddresses.some((octets) => toIpAddress(octets).equals(clientIp))) return;
  throw new StatusError(
    Code.PermissionDenied,
    "CLIENT_IP_MISMATCH",
    `client IP ${formatIpAddress(clientIp)} does not match any certificate IP SAN`,
  );
}
