import { type Octets, toOctets } from "../octets.ts";
import { TemplateError } from "../template-error.ts";

const escapes =
  /\\(?:([abfnrtv\\])|(["'])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))|\\/g;
const short: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
};

/**
 * The text between the quotes of a literal of Go.
 *
 * @param quote the one kind of quote that is escaped in it.
 * @throws {TemplateError}
 */
export function unescaped(text: string, quote: '"' | "'"): Octets {
  const malformed = (): TemplateError => new TemplateError(`invalid escape in ${quote}${text}${quote}`);
  let octets = "";
  let end = 0;
  for (const match of text.matchAll(escapes)) {
    const [whole, letter, quoted, hex, octal, four, eight] = match;
    octets += toOctets(text.slice(end, match.index));
    end = match.index + whole.length;
    if (letter !== undefined) octets += short[letter] ?? "";
    else if (quoted === quote) octets += quoted;
    else if (hex !== undefined) octets += String.fromCharCode(Number.parseInt(hex, 16));
    else if (octal !== undefined && Number.parseInt(octal, 8) < 256)
      octets += String.fromCharCode(Number.parseInt(octal, 8));
    else {
      const code = Number.parseInt(four ?? eight ?? "ffffffff", 16);
      if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) throw malformed();
      octets += toOctets(String.fromCodePoint(code));
    }
  }
  return octets + toOctets(text.slice(end));
}
