import { checkLength } from "../length.ts";
import { fromOctets, type Octets, toOctets } from "../octets.ts";
import { isList, kindOf, printed, Struct, type Value } from "../value.ts";
import { quoted, quotedCharacter } from "./quote.ts";

const directive = /%(?<flags>[-+# 0]*)(?<width>\d*)(?:(?<dot>\.)(?<precision>\d*))?(?<verb>[\s\S])?/g;

interface Directive {
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly verb: string;
}

/**
 * As fmt.Sprintf, with the verbs %v, %s, %q, %d, %x, %X, %o, %b, %c, %U and %t. Where Go puts its complaint into the text,
 * there is an error here.
 *
 * @throws {TypeError}
 */
export function formatted(format: Octets, values: readonly Value[]): Octets {
  let used = 0;
  let line = "";
  let end = 0;
  for (const match of format.matchAll(directive)) {
    const { flags = "", width = "", dot, precision = "", verb } = match.groups ?? {};
    line += format.slice(end, match.index);
    end = match.index + match[0].length;
    if (verb === "%") line += "%";
    else if (verb === undefined) throw new TypeError("no verb after %");
    else {
      const value = values[used++];
      if (value === undefined) throw new TypeError(`no argument for %${verb}`);
      checkLength(Number(width) + Number(precision));
      const read = {
        flags,
        width: Number(width),
        precision: dot === undefined ? undefined : Number(precision),
        verb,
      };
      line += padded(converted(value, read), read, typeof value === "number");
    }
    checkLength(line.length);
  }
  if (used < values.length) throw new TypeError("more arguments than verbs");
  line += format.slice(end);
  return line;
}

/** Go counts characters, not octets. Zeros stand in for spaces before numbers and, as in Go, before texts. */
function padded(octets: Octets, { flags, width, precision }: Directive, isNumber: boolean): Octets {
  const missing = Math.max(0, width - Array.from(fromOctets(octets)).length);
  if (flags.includes("-")) return octets + " ".repeat(missing);
  if (!flags.includes("0") || (isNumber && precision !== undefined)) return " ".repeat(missing) + octets;
  const [, sign = "", digits = ""] = (isNumber ? /^([-+ ]?)([\s\S]*)$/ : /^()([\s\S]*)$/).exec(octets) ?? [];
  return sign + "0".repeat(missing) + digits;
}

function converted(value: Value, directive: Directive): Octets {
  const { verb, flags, precision } = directive;
  if (verb === "v" && !flags.includes("#"))
    return typeof value === "number" ? integer(value, 10, directive) : printed(value);
  if (verb === "t" && typeof value === "boolean") return String(value);
  if (typeof value === "number") return ofNumber(value, directive);
  if (value instanceof Struct && verb === "s") return printed(value);
  if (isList<Value>(value) && verb === "s" && value.every((each) => typeof each === "string"))
    return printed(value);
  if (typeof value === "string") {
    const cut =
      precision === undefined ? value : toOctets(Array.from(fromOctets(value)).slice(0, precision).join(""));
    if (verb === "s") return cut;
    if (verb === "q" && !/[#+]/.test(flags)) return quoted(cut);
    if (/^[xX]$/.test(verb) && !/[# ]/.test(flags)) {
      const digits = Buffer.from(value, "latin1").subarray(0, precision).toString("hex");
      return verb === "X" ? digits.toUpperCase() : digits;
    }
  }
  throw new TypeError(`%${verb} does not take ${kindOf(value)}`);
}

function ofNumber(value: number, directive: Directive): Octets {
  switch (directive.verb) {
    case "d":
      return integer(value, 10, directive);
    case "x":
      return integer(value, 16, directive);
    case "X":
      return integer(value, 16, directive).toUpperCase();
    case "o":
      return integer(value, 8, directive);
    case "b":
      return integer(value, 2, directive);
    case "c":
      return toOctets(character(value));
    case "q":
      return quotedCharacter(toOctets(character(value)));
    case "U":
      return `U+${character(value).codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`;
    default:
      throw new TypeError(`%${directive.verb} does not take an int`);
  }
}

function integer(value: number, base: number, { flags, precision = 0 }: Directive): Octets {
  if (flags.includes("#") && base !== 10) throw new TypeError("the flag # is not supported");
  const digits = Math.abs(value).toString(base).padStart(precision, "0");
  const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  return sign + digits;
}

function character(code: number): string {
  return code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000)
    ? String.fromCodePoint(code)
    : "\ufffd";
}
