import { fromOctets } from "../octets.ts";
import { TemplateError } from "../template-error.ts";
import { unescaped } from "./string-literal.ts";

/** As Go reads a whole number: with underscores, and with 0x, 0o, 0b or a mere 0 for other bases. */
const integer =
  /^(?<sign>[+-]?)(?:(?<prefixed>0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+)|0(?<octal>(?:_?[0-7])+)|(?<decimal>0|[1-9](?:_?[0-9])*))$/;

/** @throws {TemplateError} for numbers that are none, not whole, or too large. */
export function parseInteger(text: string): number {
  const groups = integer.exec(text)?.groups;
  if (groups === undefined)
    throw new TemplateError(
      /^[+-]?(\d[\d_]*)?\.\d*$|^[+-]?[\d_.]+[eE][+-]?\d*$/.test(text)
        ? `${text} is not a whole number, and others are not supported`
        : `bad number syntax: ${JSON.stringify(text)}`,
    );
  const { sign, prefixed, octal, decimal } = groups;
  const magnitude = Number((prefixed ?? (octal === undefined ? decimal : `0o${octal}`))?.replaceAll("_", ""));
  if (!Number.isSafeInteger(magnitude)) throw new TemplateError(`integer overflow: ${text}`);
  return sign === "-" ? 0 - magnitude : magnitude;
}

/** The number of a character between single quotes. @throws {TemplateError} */
export function parseCharacter(text: string): number {
  const characters = Array.from(fromOctets(unescaped(text.slice(1, -1), "'")));
  const [only] = characters;
  if (only === undefined || characters.length > 1)
    throw new TemplateError(`malformed character constant: ${text}`);
  return only.codePointAt(0) ?? 0;
}
