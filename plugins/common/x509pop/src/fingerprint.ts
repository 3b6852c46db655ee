import { createHash } from "node:crypto";
import type { Certificate } from "@finial/sdk/crypto";

/** SHA-1 of the certificate's DER, in lower-case hex. */
export function fingerprintOf({ der }: Certificate): string {
  return createHash("sha1").update(der).digest("hex");
}

/** In lower-case hex, of an even number of digits. */
export function serialNumberHex({ serialNumber }: Certificate): string {
  const hex = serialNumber.toString(16);
  return hex.length % 2 === 1 ? `0${hex}` : hex;
}
