/** An ID has at most 2048 octets; what it is made of may be longer, but nothing needs to be this long. */
const maxOctets = 16_384;

/**
 * Looks at a length that a text is about to have.
 *
 * @throws {TypeError} when it is too long to be made.
 */
export function checkLength(octets: number): void {
  if (octets > maxOctets) throw new TypeError(`a text of more than ${maxOctets} octets`);
}
