import { TemplateError } from "./template-error.ts";

/** A piece of a template: text as it stands, or the words of one action. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly words: readonly Word[] };

export type Word =
  /** `.`, `.A`: names of a chain, in order; `joined` when it follows a `)` without a space. */
  | { readonly kind: "field"; readonly names: readonly string[]; readonly joined: boolean }
  | { readonly kind: "name"; readonly name: string }
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  | { readonly kind: "mark"; readonly mark: "(" | ")" | "|" | "$" };

const action = /\{\{(-\s)?((?:"(?:[^"\\\n]|\\.)*"|`[^`]*`|[^"`}]|\}(?!\}))*?)(\s-)?\}\}/y;
const comment = /\{\{(?:-\s+)?\/\*[\s\S]*?\*\/(?:\s+-)?\}\}/y;
const word =
  /(?<space>\s+)|(?<string>"(?:[^"\\\n]|\\.)*")|(?<raw>`[^`]*`)|(?<number>[+-]?\d+(?![\w.]))|(?<field>(?:\.[A-Za-z_]\w*)+|\.(?![\w.]))|(?<name>[A-Za-z_]\w*)|(?<mark>[()|]|\$(?!\w))/y;

/** Splits a template at its actions. @throws {TemplateError} */
export function splitTemplate(template: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let trimNext = false;
  let at = 0;
  const addText = (text: string): void => {
    const kept = trimNext ? text.replace(/^\s+/, "") : text;
    trimNext = false;
    if (kept !== "") pieces.push({ kind: "text", text: kept });
  };
  for (;;) {
    const open = template.indexOf("{{", at);
    if (open === -1) {
      addText(template.slice(at));
      return pieces;
    }
    const before = template.slice(at, open);
    const trimsBefore = /^\{\{-\s/.test(template.slice(open, open + 4));
    addText(trimsBefore ? before.replace(/\s+$/, "") : before);
    comment.lastIndex = open;
    action.lastIndex = open;
    const found = comment.exec(template) ?? action.exec(template);
    if (found === null) throw new TemplateError("unclosed action");
    at = open + found[0].length;
    trimNext = /\s-\}\}$/.test(found[0]);
    if (found[2] !== undefined) pieces.push({ kind: "action", words: splitAction(found[2]) });
  }
}

function splitAction(text: string): readonly Word[] {
  const words: Word[] = [];
  let joined = false;
  for (word.lastIndex = 0; word.lastIndex < text.length; ) {
    const at = word.lastIndex;
    const groups = word.exec(text)?.groups;
    if (groups === undefined) throw new TemplateError(`unexpected ${JSON.stringify(text[at])} in command`);
    const found = wordOf(groups, joined);
    joined = groups.mark === ")" || groups.mark === "$";
    if (found !== undefined) words.push(found);
  }
  return words;
}

function wordOf(groups: Readonly<Record<string, string | undefined>>, joined: boolean): Word | undefined {
  const { string, raw, number, field, name, mark } = groups;
  if (string !== undefined) return { kind: "literal", value: unquote(string) };
  if (raw !== undefined) return { kind: "literal", value: raw.slice(1, -1) };
  if (number !== undefined) return { kind: "literal", value: Number(number) };
  if (field !== undefined) return { kind: "field", names: field.split(".").filter(Boolean), joined };
  if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
  if (name !== undefined) return { kind: "name", name };
  return mark === undefined ? undefined : { kind: "mark", mark: mark as "(" | ")" | "|" | "$" };
}

/** The escapes that Go and JSON share. */
function unquote(text: string): string {
  try {
    return JSON.parse(text);
  } catch {
    throw new TemplateError(`cannot read the string ${text}`);
  }
}
