/** A sentence turned round: what the node attestors ask, and answer. */
export function backwards(text: string): string {
  return [...text].reverse().join("");
}
