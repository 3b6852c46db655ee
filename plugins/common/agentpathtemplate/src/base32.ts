const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** With padding. @see RFC 4648, section 6 */
export function encodeBase32(octets: Buffer): string {
  let bits = "";
  for (const octet of octets) bits += octet.toString(2).padStart(8, "0");
  const letters = (bits.match(/.{1,5}/g) ?? []).map(
    (five) => alphabet[Number.parseInt(five.padEnd(5, "0"), 2)],
  );
  return letters.join("").padEnd(Math.ceil(letters.length / 8) * 8, "=");
}

/** @throws {TypeError} */
export function decodeBase32(text: string): Buffer {
  if (text.length % 8 !== 0 || !/^[A-Z2-7]*(={0}|={1}|={3}|={4}|={6})$/.test(text))
    throw new TypeError("it is not base32");
  const bits = Array.from(text.replaceAll("=", ""), (letter) =>
    alphabet.indexOf(letter).toString(2).padStart(5, "0"),
  ).join("");
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((octet) => Number.parseInt(octet, 2)));
}
