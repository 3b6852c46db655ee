import { characterLength, fromOctets, type Octets, toOctets } from "../octets.ts";

const short: ReadonlyMap<number, string> = new Map(
  Object.entries({ "\x07": "a", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t", "\v": "v" }).map(
    ([letter, name]) => [letter.charCodeAt(0), `\\${name}`],
  ),
);

/** A literal of Go that reads as this text: strconv.Quote. */
export function quoted(octets: Octets): Octets {
  let literal = '"';
  for (let at = 0; at < octets.length; ) {
    const length = characterLength(octets, at);
    const octet = octets.charCodeAt(at);
    if (length === 0) literal += `\\x${hex(octet, 2)}`;
    else literal += escaped(octets.slice(at, at + length), '"');
    at += length || 1;
  }
  return `${literal}"`;
}

/** A character constant of Go: strconv.QuoteRune. */
export function quotedCharacter(character: Octets): Octets {
  return `'${escaped(character, "'")}'`;
}

function escaped(character: Octets, quote: string): Octets {
  if (character === quote || character === "\\") return `\\${character}`;
  const letter = fromOctets(character);
  const code = letter.codePointAt(0) ?? 0;
  if (letter === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter)) return toOctets(letter);
  const name = short.get(code);
  if (name !== undefined) return name;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`;
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
