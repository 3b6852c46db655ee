import { checkLength } from "../length.ts";
import { fromOctets, mapText, type Octets, toOctets } from "../octets.ts";
import { printed } from "../value.ts";
import { any, text, whole } from "./arguments.ts";
import { goSpace } from "./go-space.ts";
import { sequence } from "./sequence.ts";
import { type Functions, takes } from "./template-function.ts";
import { wrapped } from "./wrap.ts";

const spaceAtStart = new RegExp(`^[${goSpace}]+`);
const spaceAtEnd = new RegExp(`(?<![${goSpace}])[${goSpace}]+$`);

/** Sprig's functions on text. Positions and lengths are of octets, as in Go. */
export const textFunctions: Functions = {
  toString: takes(1, (value) => printed(any(value))),
  trim: takes(1, (value) =>
    mapText(text(value), (all) => all.replace(spaceAtStart, "").replace(spaceAtEnd, "")),
  ),
  nospace: takes(1, (value) => {
    const kept = text(value).replaceAll(/[\t-\r \x85\xa0]/g, "");
    // As sprig: a text that is changed has each of its octets taken for a character.
    return kept.length === text(value).length ? kept : toOctets(kept);
  }),
  trimAll: takes(2, (set, value) =>
    mapText(text(value), (all) => trimmed(all, new Set(fromOctets(text(set))))),
  ),
  trimSuffix: takes(2, (suffix, value) =>
    text(suffix) !== "" && text(value).endsWith(text(suffix))
      ? text(value).slice(0, -text(suffix).length)
      : text(value),
  ),
  trimPrefix: takes(2, (prefix, value) =>
    text(value).startsWith(text(prefix)) ? text(value).slice(text(prefix).length) : text(value),
  ),
  trunc: takes(2, (count, value) => {
    const [length, all] = [whole(count), text(value)];
    if (length < 0) return all.length + length > 0 ? all.slice(all.length + length) : all;
    return all.slice(0, length);
  }),
  substr: takes(3, (from, to, value) => {
    const [start, end, all] = [whole(from), whole(to), text(value)];
    if (start < 0) return sliced(all, 0, end);
    return end < 0 || end > all.length ? sliced(all, start, all.length) : sliced(all, start, end);
  }),
  abbrev: takes(2, (width, value) => abbreviated(text(value), 0, whole(width))),
  abbrevboth: takes(3, (left, right, value) => {
    const [offset, width] = [whole(left), whole(right)];
    return offset > 0 && width < 7 ? text(value) : abbreviated(text(value), offset, width);
  }),
  repeat: takes(2, (count, value) => {
    if (whole(count) < 0) throw new TypeError("negative repeat count");
    checkLength(whole(count) * text(value).length);
    return text(value) === "" ? "" : text(value).repeat(whole(count));
  }),
  contains: takes(2, (part, value) => text(value).includes(text(part))),
  hasPrefix: takes(2, (prefix, value) => text(value).startsWith(text(prefix))),
  hasSuffix: takes(2, (suffix, value) => text(value).endsWith(text(suffix))),
  replace: takes(3, (old, replacement, value) => replaced(text(value), text(old), text(replacement))),
  indent: takes(2, (spaces, value) => indented(text(value), whole(spaces))),
  nindent: takes(2, (spaces, value) => `\n${indented(text(value), whole(spaces))}`),
  seq: takes({ atLeast: 0 }, (...numbers) => sequence(numbers.map(whole))),
  plural: takes(3, (one, many, count) => (whole(count) === 1 ? text(one) : text(many))),
  wrap: takes(2, (width, value) => wrapped(text(value), { width: whole(width), lineEnd: "\n", cuts: false })),
  wrapWith: takes(3, (width, lineEnd, value) =>
    wrapped(text(value), { width: whole(width), lineEnd: text(lineEnd) || "\n", cuts: true }),
  ),
};

function sliced(all: Octets, start: number, end: number): Octets {
  if (start < 0 || end < start || end > all.length) throw new TypeError("slice bounds out of range");
  return all.slice(start, end);
}

function trimmed(all: string, set: ReadonlySet<string>): string {
  const letters = Array.from(all);
  const first = letters.findIndex((letter) => !set.has(letter));
  if (first === -1) return "";
  return letters.slice(first, letters.findLastIndex((letter) => !set.has(letter)) + 1).join("");
}

/** With dots for what is left out: at the end, and before `offset` when that leaves anything out. */
function abbreviated(all: Octets, offset: number, width: number): Octets {
  if (width < 4 || all.length <= width) return all;
  const room = width - 3;
  const start = Math.min(offset, all.length - room);
  if (start <= 4) return `${all.slice(0, room)}...`;
  // Too narrow for dots on both sides, sprig gives nothing.
  if (width < 7) return "";
  if (start + room >= all.length) return `...${all.slice(all.length - room)}`;
  return `...${abbreviated(all.slice(start), 0, room)}`;
}

/** An empty `old` is found before each character, and at the end. */
function replaced(all: Octets, old: Octets, replacement: Octets): Octets {
  const parts = old === "" ? ["", ...Array.from(fromOctets(all), toOctets), ""] : all.split(old);
  checkLength(all.length + Math.max(0, (parts.length - 1) * (replacement.length - old.length)));
  return parts.join(replacement);
}

function indented(all: Octets, spaces: number): Octets {
  if (spaces < 0) throw new TypeError("negative repeat count");
  const lines = all.split("\n");
  checkLength(all.length + lines.length * spaces);
  const indent = " ".repeat(spaces);
  return lines.map((line) => indent + line).join("\n");
}
