import type { Finding } from "../../kit/flaw.ts";

const width = 110;

/** A finding for people: what, why and how to mend it, folded. */
export function explain({ what, why, mend }: Finding, indent: string): string {
  return [
    ["what: ", what],
    ["why:  ", why],
    ["mend: ", mend],
  ]
    .map(([label = "", text = ""]) => fold(text, `${indent}${label}`, `${indent}      `))
    .join("");
}

function fold(text: string, first: string, next: string): string {
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(" ")) {
    const isBare = line === first || line === next;
    if (!isBare && line.length + 1 + word.length > width) {
      lines.push(line);
      line = next;
    }
    line += line === first || line === next ? word : ` ${word}`;
  }
  return `${[...lines, line].join("\n")}\n`;
}
