/** One letter for one, as Go: `ß` has no upper case of its own. */
export function upper(letter: string): string {
  return single(letter.toUpperCase(), letter);
}

export function lower(letter: string): string {
  return single(letter.toLowerCase(), letter);
}

function single(changed: string, letter: string): string {
  return Array.from(changed).length === 1 ? changed : letter;
}
