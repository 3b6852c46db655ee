const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** With padding. @see RFC 4648, section 6 */
export function encodeBase32(octets: Buffer): string {
  let letters = "";
  let [bits, count] = [0, 0];
  for (const octet of octets) {
    bits = (bits << 8) | octet;
    for (count += 8; count >= 5; count -= 5) letters += alphabet[(bits >> (count - 5)) & 31];
    bits &= 0xff;
  }
  if (count > 0) letters += alphabet[(bits << (5 - count)) & 31];
  return letters.padEnd(Math.ceil(letters.length / 8) * 8, "=");
}

/** @throws {TypeError} */
export function decodeBase32(text: string): Buffer {
  const letters = text.replace(/={1,6}$/, "");
  const padding = text.length - letters.length;
  if (text.length % 8 !== 0 || /[^A-Z2-7]/.test(letters) || padding === 2 || padding === 5)
    throw new TypeError("illegal base32 data");
  const octets: number[] = [];
  let [bits, count] = [0, 0];
  for (const letter of letters) {
    bits = ((bits & 0xff) << 5) | alphabet.indexOf(letter);
    count += 5;
    if (count < 8) continue;
    count -= 8;
    octets.push((bits >> count) & 0xff);
  }
  return Buffer.from(octets);
}
