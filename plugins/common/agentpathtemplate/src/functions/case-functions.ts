import { fromOctets, mapText, type Octets, toOctets } from "../octets.ts";
import { text } from "./arguments.ts";
import { goSpace } from "./go-space.ts";
import { lower, upper } from "./letters.ts";
import { type Functions, takes } from "./template-function.ts";
import { joinedInLowerCase, pascalCase } from "./words.ts";

const isSpace = new RegExp(`^[${goSpace}]$`);

/** Go's and sprig's functions of upper and lower case. */
export const caseFunctions: Functions = {
  upper: takes(1, (value) => letterByLetter(text(value), upper)),
  lower: takes(1, (value) => letterByLetter(text(value), lower)),
  title: takes(1, (value) => {
    let before = " ";
    return letterByLetter(text(value), (letter) => {
      const begins = separates(before);
      before = letter;
      return begins ? upper(letter) : letter;
    });
  }),
  untitle: takes(1, (value) => {
    let begins = true;
    return letterByLetter(text(value), (letter) => {
      const is = isSpace.test(letter);
      const changed = begins && !is ? lower(letter) : letter;
      begins = is;
      return changed;
    });
  }),
  swapcase: takes(1, (value) =>
    letterByLetter(text(value), (letter) =>
      /^[\p{Lu}\p{Lt}]$/u.test(letter) ? lower(letter) : /^\p{Ll}$/u.test(letter) ? upper(letter) : letter,
    ),
  ),
  initials: takes(1, (value) => {
    // As sprig: octets are taken for characters.
    const letters = text(value).split(/[\t-\r \x85\xa0]+/);
    return toOctets(letters.map((word) => word.slice(0, 1)).join(""));
  }),
  snakecase: takes(1, (value) => mapText(text(value), (all) => joinedInLowerCase(all, "_"))),
  kebabcase: takes(1, (value) => mapText(text(value), (all) => joinedInLowerCase(all, "-"))),
  camelcase: takes(1, (value) => mapText(text(value), pascalCase)),
};

function letterByLetter(octets: Octets, change: (letter: string) => string): Octets {
  return toOctets(Array.from(fromOctets(octets), change).join(""));
}

/** What Go's strings.Title sees between words. */
function separates(letter: string): boolean {
  if (letter <= "\u007f") return !/^[A-Za-z0-9_]$/.test(letter);
  return isSpace.test(letter);
}
