import { createHash } from "node:crypto";
import { printed, takes, text, whole } from "./arguments.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import type { TemplateFunction } from "./functions.ts";
import type { TemplateValue } from "./value.ts";

/** No path is longer than an ID. */
const maxRepeated = 2048;

const sum = (algorithm: string) =>
  takes(1, (value) => createHash(algorithm).update(text(value)).digest("hex"));

/** Go's own and sprig's functions on text. */
export const textFunctions: Readonly<Record<string, TemplateFunction>> = {
  print: takes({ atLeast: 0 }, (...values) =>
    // As fmt.Sprint: a space between two values of which neither is text.
    values.reduce<string>((line, value, index) => {
      const before = values[index - 1];
      const apart = index > 0 && typeof before !== "string" && typeof value !== "string";
      return `${line}${apart ? " " : ""}${printed(value)}`;
    }, ""),
  ),
  printf: takes({ atLeast: 1 }, (format, ...values) => formatted(text(format), values)),
  len: takes(1, (value) => {
    if (typeof value === "string") return Buffer.byteLength(value);
    if (typeof value === "object")
      return Array.isArray(value) ? value.length : (value as Map<string, unknown>).size;
    throw new TypeError("it has no length");
  }),
  toString: takes(1, printed),
  upper: takes(1, (value) => text(value).toUpperCase()),
  lower: takes(1, (value) => text(value).toLowerCase()),
  title: takes(1, (value) =>
    text(value).replaceAll(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  ),
  untitle: takes(1, (value) =>
    text(value).replaceAll(
      /(^|\s)(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toLowerCase(),
    ),
  ),
  trim: takes(1, (value) => text(value).trim()),
  nospace: takes(1, (value) => text(value).replaceAll(/\s+/g, "")),
  trimAll: takes(2, (set, value) => trimmed(text(value), new Set(text(set)))),
  trimSuffix: takes(2, (suffix, value) =>
    text(suffix) !== "" && text(value).endsWith(text(suffix))
      ? text(value).slice(0, -text(suffix).length)
      : text(value),
  ),
  trimPrefix: takes(2, (prefix, value) =>
    text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value),
  ),
  trunc: takes(2, (count, value) => {
    const length = whole(count);
    const all = text(value);
    if (length < 0) return all.length + length > 0 ? all.slice(all.length + length) : all;
    return all.slice(0, length);
  }),
  substr: takes(3, (from, to, value) => {
    const [start, end, all] = [whole(from), whole(to), text(value)];
    if (start < 0) return all.slice(0, end);
    if (end < 0 || end > all.length) return all.slice(start);
    if (start > end) throw new TypeError("slice bounds out of range");
    return all.slice(start, end);
  }),
  repeat: takes(2, (count, value) => {
    const times = whole(count);
    if (times < 0 || times * text(value).length > maxRepeated)
      throw new TypeError("it does not fit into an ID");
    return text(value).repeat(times);
  }),
  contains: takes(2, (part, value) => text(value).includes(text(part))),
  hasPrefix: takes(2, (prefix, value) => text(value).startsWith(text(prefix))),
  hasSuffix: takes(2, (suffix, value) => text(value).endsWith(text(suffix))),
  replace: takes(3, (old, replacement, value) => text(value).split(text(old)).join(text(replacement))),
  cat: takes({ atLeast: 0 }, (...values) => values.map(printed).join(" ")),
  sha1sum: sum("sha1"),
  sha256sum: sum("sha256"),
  adler32sum: takes(1, (value) => String(adler32(Buffer.from(text(value))))),
  b64enc: takes(1, (value) => Buffer.from(text(value)).toString("base64")),
  b64dec: takes(1, (value) => Buffer.from(text(value), "base64").toString()),
  b32enc: takes(1, (value) => encodeBase32(Buffer.from(text(value)))),
  b32dec: takes(1, (value) => decodeBase32(text(value)).toString()),
  swapcase: takes(1, (value) =>
    Array.from(text(value), (letter) =>
      letter === letter.toUpperCase() ? letter.toLowerCase() : letter.toUpperCase(),
    ).join(""),
  ),
};

function trimmed(value: string, set: ReadonlySet<string>): string {
  const letters = Array.from(value);
  const first = letters.findIndex((letter) => !set.has(letter));
  if (first === -1) return "";
  return letters.slice(first, letters.findLastIndex((letter) => !set.has(letter)) + 1).join("");
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

/** The verbs a path has use for: %s, %v, %d, %x, %q, %t and %%, with width and, for %s, precision. */
function formatted(format: string, values: readonly TemplateValue[]): string {
  let used = 0;
  const line = format.replaceAll(
    /%([-0]*)(\d{0,3})(?:\.(\d{1,3}))?([a-zA-Z%])/g,
    (_, flags: string, width: string, precision: string | undefined, verb: string) => {
      if (verb === "%") return "%";
      const value = values[used++];
      if (value === undefined) throw new TypeError(`no argument for %${verb}`);
      const printedValue = verbOf(verb, value);
      const cut =
        precision !== undefined && verb === "s" ? printedValue.slice(0, Number(precision)) : printedValue;
      if (flags.includes("-")) return cut.padEnd(Number(width));
      return cut.padStart(Number(width), flags.includes("0") ? "0" : " ");
    },
  );
  if (used < values.length) throw new TypeError("more arguments than verbs");
  return line;
}

function verbOf(verb: string, value: TemplateValue): string {
  if (verb === "v") return printed(value);
  if (verb === "s") return text(value);
  if (verb === "q") return JSON.stringify(text(value));
  if (verb === "d") return String(whole(value));
  if (verb === "t" && typeof value === "boolean") return String(value);
  if (verb === "x")
    return typeof value === "number" ? value.toString(16) : Buffer.from(text(value)).toString("hex");
  throw new TypeError(`%${verb} is not supported`);
}
