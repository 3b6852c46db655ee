import { goSpace } from "./go-space.ts";
import { lower, upper } from "./letters.ts";

/** Letters that make no words with others: of Chinese, Japanese and Korean, as sprig knows them. */
const cjk = "\\u3400-\\u4d85\\u4e00-\\u9fcc\\u{20000}-\\u{2b81d}";
const connector = `-_${goSpace}`;
const letter = `(?:(?![${cjk}])(?!\\p{Lu})\\p{L})`;
const segment = new RegExp(
  [
    `(?<connector>[${connector}]+)`,
    "(?<punctuation>\\p{P}+)",
    // Of several upper-case letters the last belongs to the word it begins: HTTP Server.
    `(?<upper>\\p{Lu}+(?=\\p{Lu}${letter})|\\p{Lu}${letter}+|\\p{Lu}+)`,
    `(?<lower>${letter}+)`,
    "(?<number>\\p{N}+)",
    `(?<other>(?:(?![${connector}\\p{P}\\p{N}])(?!${letter}|\\p{Lu}).)+)`,
  ].join("|"),
  "gsu",
);

interface Segment {
  readonly kind: "connector" | "punctuation" | "upper" | "lower" | "number" | "other";
  readonly text: string;
}

/**
 * Words joined in lower case, as sprig's snakecase and kebabcase. A number belongs to the word before it, and to the one
 * after it when that is in lower case: `HTTP20xOK` is `http_20x_ok`, `Bld4Floor` is `bld4_floor`.
 */
export function joinedInLowerCase(all: string, joiner: string): string {
  const words = segments(all);
  let joined = "";
  let at = 0;
  const takeTail = (): void => {
    while (words[at]?.kind === "lower" || words[at]?.kind === "number") joined += words[at++]?.text;
  };
  while (at < words.length) {
    const { kind, text } = words[at++] as Segment;
    if (kind === "connector") {
      joined += joiner.repeat(text.length);
      continue;
    }
    joined += kind === "upper" ? Array.from(text, lower).join("") : text;
    if (kind === "punctuation") continue;
    if (kind === "number") takeTail();
    else if (words[at]?.kind === "number") {
      const number = words[at++] as Segment;
      joined += words[at]?.kind === "lower" ? joiner + number.text : number.text;
      if (words[at]?.kind === "lower") takeTail();
    }
    const next = words[at]?.kind;
    if (next !== undefined && next !== "connector" && next !== "punctuation") joined += joiner;
  }
  return joined;
}

function segments(all: string): readonly Segment[] {
  return Array.from(all.matchAll(segment), ({ groups = {} }) => {
    const [kind, text] = Object.entries(groups).find(([, text]) => text !== undefined) ?? ["other", ""];
    return { kind: kind as Segment["kind"], text: text ?? "" };
  });
}

/**
 * Words without what connects them, each with a first letter in upper case, as sprig's camelcase: `some_words` is
 * `SomeWords`, `GO_PATH` is `GoPath`. Of several connectors in a row one is left out, and none at either end.
 */
export function pascalCase(all: string): string {
  const parts = all.match(new RegExp(`[${connector}]+|[^${connector}]+`, "gu")) ?? [];
  const isConnector = (part: string): boolean => new RegExp(`^[${connector}]`).test(part);
  const [only] = parts;
  // A slip of sprig's that is there to stay.
  if (parts.length === 1 && only !== undefined && isConnector(only)) return only + only.slice(-1);
  return parts
    .map((part, index) => {
      if (!isConnector(part)) return capitalized(part);
      return index === 0 || index === parts.length - 1 ? part : part.slice(0, -1);
    })
    .join("");
}

/** The upper-case letters that follow an upper-case first are lowered. */
function capitalized(word: string): string {
  const [first = "", ...others] = Array.from(word);
  if (!/\p{Lu}/u.test(first)) return upper(first) + others.join("");
  const end = others.findIndex((each) => !/\p{Lu}/u.test(each));
  const run = end === -1 ? others : others.slice(0, end);
  return first + run.map(lower).join("") + (end === -1 ? "" : others.slice(end).join(""));
}
