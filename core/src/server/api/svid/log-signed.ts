import type { Logger } from "@finial/sdk";
import type { SpiffeId } from "@finial/sdk/spiffe";
import type { IssuedX509 } from "../../ca/x509-svid-issuer.ts";

/** A signed SVID in the log, as SPIRE puts it. */
export function logSignedX509(logger: Logger, id: SpiffeId, issued: IssuedX509, fields: object = {}): void {
  logger.debug("Signed X509 SVID", () => ({
    ...fields,
    spiffe_id: id.toString(),
    expiration: issued.notAfter.toISOString(),
    serial_num: issued.certificate.serialNumber.toString(),
  }));
}
