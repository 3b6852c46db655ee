import { checkLength } from "../length.ts";
import type { Octets } from "../octets.ts";

/**
 * Breaks a text into lines at its spaces.
 *
 * @param width of a line; less than 1 is 1.
 * @param cuts whether longer words are cut, or have a line that is too long.
 */
export function wrapped(
  all: Octets,
  options: { readonly width: number; readonly lineEnd: Octets; readonly cuts: boolean },
): Octets {
  const { lineEnd, cuts } = options;
  const width = Math.max(1, options.width);
  const lines: Octets[] = [];
  let start = 0;
  while (all.length - start > width) {
    if (all[start] === " ") {
      start++;
      continue;
    }
    // A space right after the last place still ends the line.
    const before = all.slice(start, start + width + 1).lastIndexOf(" ");
    const after = cuts ? start + width : all.indexOf(" ", start + width);
    const end = before === -1 ? after : start + before;
    if (end === -1) break;
    lines.push(all.slice(start, end));
    start = before === -1 && cuts ? end : end + 1;
  }
  checkLength(all.length + lines.length * lineEnd.length);
  return [...lines, all.slice(start)].join(lineEnd);
}
