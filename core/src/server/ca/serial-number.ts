import { randomBytes } from "node:crypto";

/** A certificate's serial number: random, from 1 to 2^128 - 1, big-endian. @see RFC 5280, section 4.1.2.2 */
export function newSerialNumber(): Buffer {
  for (;;) {
    const serial = randomBytes(16);
    if (serial.some((octet) => octet !== 0)) return serial;
  }
}

/** In decimal, as the store and the logs have it. */
export function formatSerialNumber(serial: Buffer): string {
  return BigInt(`0x${serial.toString("hex")}`).toString();
}
