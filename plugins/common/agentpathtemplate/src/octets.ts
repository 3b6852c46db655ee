/**
 * Text as Go has it: octets, mostly UTF-8, one character from U+0000 to U+00FF each. Lengths and positions are then those
 * that Go's functions speak of.
 */
export type Octets = string;

export function toOctets(text: string): Octets {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** What is not UTF-8 becomes U+FFFD. */
export function fromOctets(octets: Octets): string {
  return isAscii(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8");
}

/** Applies a function that looks at characters. */
export function mapText(octets: Octets, change: (text: string) => string): Octets {
  return toOctets(change(fromOctets(octets)));
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are ASCII, too
  return !/[^\u0000-\u007f]/.test(text);
}

/** Of the UTF-8 character that begins here; 0 where none does. @see RFC 3629, section 4 */
export function characterLength(octets: Octets, at: number): number {
  const [first, second] = [octets.charCodeAt(at), octets.charCodeAt(at + 1)];
  const continues = (index: number): boolean => (octets.charCodeAt(at + index) & 0xc0) === 0x80;
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return continues(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const [low, high] = [first === 0xe0 ? 0xa0 : 0x80, first === 0xed ? 0x9f : 0xbf];
    return second >= low && second <= high && continues(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const [low, high] = [first === 0xf0 ? 0x90 : 0x80, first === 0xf4 ? 0x8f : 0xbf];
    return second >= low && second <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}
