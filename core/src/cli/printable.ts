/** What a terminal obeys or does not show, and what turns the direction of writing. */
const obeyed = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
const lineEnds: ReadonlySet<string> = new Set(["\n", "\t"]);

/** A text of a stranger's, such as a plugin's, with nothing in it that a terminal obeys; it keeps its lines. */
export function printable(text: string): string {
  return text.replaceAll(obeyed, (character) => (lineEnds.has(character) ? character : numberOf(character)));
}

/** As {@link printable}, on one line. */
export function printableLine(text: string): string {
  return text.replaceAll("\n", "\\n").replaceAll(obeyed, numberOf);
}

function numberOf(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
