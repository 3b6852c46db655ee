import { createHash, randomUUID } from "node:crypto";
import { checkLength } from "../length.ts";
import type { Octets } from "../octets.ts";
import { text } from "./arguments.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { type Functions, takes } from "./template-function.ts";

const sum = (algorithm: string) =>
  takes(1, (value) =>
    createHash(algorithm)
      .update(bytesOf(text(value)))
      .digest("hex"),
  );

/** Sprig's digests and encodings. What is not encoded well is an error here, where sprig gives its sentence for a text. */
export const encodingFunctions: Functions = {
  sha1sum: sum("sha1"),
  sha256sum: sum("sha256"),
  adler32sum: takes(1, (value) => String(adler32(bytesOf(text(value))))),
  b64enc: takes(1, (value) => {
    checkLength(Math.ceil(text(value).length / 3) * 4);
    return bytesOf(text(value)).toString("base64");
  }),
  b64dec: takes(1, (value) => decodeBase64(text(value))),
  b32enc: takes(1, (value) => {
    checkLength(Math.ceil(text(value).length / 5) * 8);
    return encodeBase32(bytesOf(text(value)));
  }),
  b32dec: takes(1, (value) => decodeBase32(withoutLines(text(value))).toString("latin1")),
  uuidv4: takes(0, () => randomUUID()),
};

function bytesOf(octets: Octets): Buffer {
  return Buffer.from(octets, "latin1");
}

/** Go's decoders pass over line ends. */
function withoutLines(octets: Octets): Octets {
  return octets.replaceAll(/[\r\n]/g, "");
}

function decodeBase64(octets: Octets): Octets {
  const letters = withoutLines(octets);
  if (letters.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(letters))
    throw new TypeError("illegal base64 data");
  return Buffer.from(letters, "base64").toString("latin1");
}

/** @see RFC 1950, section 8.2 */
function adler32(octets: Buffer): number {
  let low = 1;
  let high = 0;
  for (const octet of octets) {
    low = (low + octet) % 65521;
    high = (high + low) % 65521;
  }
  return high * 65536 + low;
}
