import type { Logger } from "@finial/sdk";
import type { Certificate } from "@finial/sdk/crypto";
import type { SpiffeId } from "@finial/sdk/spiffe";

/** A signed SVID in the log, as SPIRE puts it. */
export function logSignedX509(
  logger: Logger,
  id: SpiffeId,
  certificate: Certificate,
  fields: object = {},
): void {
  logger.debug("Signed X509 SVID", {
    ...fields,
    spiffe_id: id.toString(),
    expiration: certificate.notAfter.toISOString(),
    serial_num: certificate.serialNumber.toString(),
  });
}
