import { randomBytes } from "node:crypto";

const octets = 16;
/** Asking the generator costs the same for many numbers as for one. None is used twice. */
let pool: Buffer = Buffer.alloc(0);

/** A certificate's serial number: random, from 1 to 2^128 - 1, big-endian. @see RFC 5280, section 4.1.2.2 */
export function newSerialNumber(): Buffer {
  for (;;) {
    if (pool.length === 0) pool = randomBytes(64 * octets);
    const serial = pool.subarray(0, octets);
    pool = pool.subarray(octets);
    if (!serial.equals(zero)) return serial;
  }
}

const zero = Buffer.alloc(octets);

/** In decimal, as the store and the logs have it. */
export function formatSerialNumber(serial: Buffer): string {
  return BigInt(`0x${serial.toString("hex")}`).toString();
}
