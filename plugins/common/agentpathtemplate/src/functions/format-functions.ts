import { checkLength } from "../length.ts";
import { fromOctets, type Octets, toOctets } from "../octets.ts";
import { printedAll, type Value } from "../value.ts";
import { text } from "./arguments.ts";
import { formatted } from "./printf.ts";
import { quoted } from "./quote.ts";
import { type Functions, takes } from "./template-function.ts";

/** Go's and sprig's functions that make one text of several values. */
export const formatFunctions: Functions = {
  print: takes({ atLeast: 0 }, (...values) => joined(values)),
  println: takes({ atLeast: 0 }, (...values) => `${checked(values).join(" ")}\n`),
  printf: takes({ atLeast: 1 }, (format, ...values) => formatted(text(format), values)),
  cat: takes({ atLeast: 0 }, (...values) => checked(present(values)).join(" ")),
  quote: takes({ atLeast: 0 }, (...values) => checked(checked(present(values)).map(quoted)).join(" ")),
  squote: takes({ atLeast: 0 }, (...values) =>
    checked(present(values))
      .map((value) => `'${value}'`)
      .join(" "),
  ),
  html: takes({ atLeast: 0 }, (...values) => escaped(values, /["'&<>\0]/g, (octet) => html[octet] ?? "")),
  js: takes({ atLeast: 0 }, (...values) => javascript(values)),
  urlquery: takes({ atLeast: 0 }, (...values) =>
    escaped(values, /[^A-Za-z0-9\-_.~]/g, (octet) =>
      octet === " " ? "+" : `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`,
    ),
  ),
};

const html: Readonly<Record<string, Octets>> = {
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\0": toOctets("\ufffd"),
};

function present(values: readonly Value[]): readonly Value[] {
  return values.filter((value) => value !== null);
}

/** Values as the texts that are about to be put together. */
function checked(values: readonly Value[]): readonly Octets[] {
  const texts = printedAll(values);
  checkLength(texts.reduce((sum, each) => sum + each.length + 1, 0));
  return texts;
}

/** As fmt.Sprint: a space between two values of which neither is a string. */
function joined(values: readonly Value[]): Octets {
  return checked(values).reduce((line, each, index) => {
    const apart = index > 0 && typeof values[index - 1] !== "string" && typeof values[index] !== "string";
    return `${line}${apart ? " " : ""}${each}`;
  }, "");
}

/** As the template itself prints, where nil is no value. */
function escaped(values: readonly Value[], special: RegExp, escapeOf: (octet: Octets) => Octets): Octets {
  const all = joined(values.map((value) => value ?? "<no value>"));
  checkLength(all.length + (all.match(special)?.length ?? 0) * 5);
  return all.replaceAll(special, escapeOf);
}

function javascript(values: readonly Value[]): Octets {
  const all = joined(values.map((value) => value ?? "<no value>"));
  checkLength(all.length * 6);
  const escapes = (letter: string): string => {
    if (/^[\\'"]$/.test(letter)) return `\\${letter}`;
    const code = letter.codePointAt(0) ?? 0;
    const special =
      code < 0x20 ||
      /^[<>&=]$/.test(letter) ||
      (code > 0x7e && !/^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(letter));
    return special ? `\\u${code.toString(16).toUpperCase().padStart(4, "0")}` : letter;
  };
  return toOctets(Array.from(fromOctets(all), escapes).join(""));
}
