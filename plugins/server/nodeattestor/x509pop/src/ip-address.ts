import { isIPv4, isIPv6 } from "node:net";

/** The octets of IPv4 addresses that are written as IPv6 ones begin so. @see RFC 4291, section 2.5.5.2 */
const mappedPrefix = Buffer.from("00000000000000000000ffff", "hex");

/**
 * An address as 16 octets, IPv4 mapped into IPv6, so that equal addresses are equal however they are written.
 *
 * @returns undefined for what is no address, or has a zone.
 */
export function parseIpAddress(text: string): Buffer | undefined {
  if (isIPv4(text)) return Buffer.concat([mappedPrefix, quad(text)]);
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = text.split("::");
  const before = groups(head);
  if (tail === undefined) return before;
  const after = groups(tail);
  return Buffer.concat([before, Buffer.alloc(16 - before.length - after.length), after]);
}

/** @param octets 4 or 16, as certificates have them. */
export function toIpAddress(octets: Buffer): Buffer {
  return octets.length === 4 ? Buffer.concat([mappedPrefix, octets]) : octets;
}

/** As Go prints it: an IPv4 address as such, the longest run of zeros left out of others. @see RFC 5952 */
export function formatIpAddress(octets: Buffer): string {
  const address = toIpAddress(octets);
  if (address.subarray(0, 12).equals(mappedPrefix)) return address.subarray(12).join(".");
  const words = Array.from({ length: 8 }, (_, index) => address.readUInt16BE(index * 2).toString(16));
  const runs = words.map((_, start) => {
    const end = words.findIndex((word, index) => index >= start && word !== "0");
    return { start, length: (end === -1 ? words.length : end) - start };
  });
  const longest = runs.reduce((best, run) => (run.length > best.length ? run : best));
  if (longest.length < 2) return words.join(":");
  const head = words.slice(0, longest.start).join(":");
  return `${head}::${words.slice(longest.start + longest.length).join(":")}`;
}

/** `a:b:…`, of which the last may be written as an IPv4 address. */
function groups(text: string): Buffer {
  return Buffer.concat(
    text
      .split(":")
      .filter((group) => group !== "")
      .map((group) => (group.includes(".") ? quad(group) : Buffer.from(group.padStart(4, "0"), "hex"))),
  );
}

function quad(text: string): Buffer {
  return Buffer.from(text.split(".").map(Number));
}
