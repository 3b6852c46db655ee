import { type Octets, toOctets } from "../octets.ts";
import { TemplateError } from "../template-error.ts";
import { parseCharacter, parseInteger } from "./number-literal.ts";
import { unescaped } from "./string-literal.ts";

/** A piece of a template: text as it stands, or the words of one action. */
export type Piece =
  | { readonly kind: "text"; readonly text: Octets }
  | { readonly kind: "action"; readonly words: readonly Word[] };

/** `apart`: after a space, or at the beginning. */
export type Word = { readonly apart: boolean } & (
  | { readonly kind: "literal"; readonly value: Octets | number }
  | { readonly kind: "name" | "field" | "variable"; readonly name: string }
  | { readonly kind: "mark"; readonly mark: Mark }
);

export type Mark = "." | "|" | "(" | ")" | "," | "=" | ":=";

/** All but the one that belongs to the end. */
const space = /[ \t\r\n]+?(?=[ \t\r\n]-\}\})|[ \t\r\n]+/y;
const comment = /\{\{(?:-[ \t\r\n])?\/\*[\s\S]*?\*\/(?<right>[ \t\r\n]-)?\}\}/y;
const commentStart = /\{\{(?:-[ \t\r\n])?\/\*/y;
const actionStart = /\{\{(?<left>-(?=[ \t\r\n]))?/y;
const actionEnd = /(?<right>[ \t\r\n]-)?\}\}/y;
/** What may follow a name or a number without a space. */
const boundary = /[ \t\r\n.,|:()]|\}\}|$/y;
const quoted = /"(?:[^"\\\n]|\\[^\n])*"/y;
const raw = /`[^`]*`/y;
const character = /'(?:[^'\\\n]|\\[^\n])+'/y;
const number = /[+-]?\.?[0-9][\p{L}\p{Nd}_.]*/uy;
const field = /\.(?<name>[\p{L}_][\p{L}\p{Nd}_]*)/uy;
const variable = /\$[\p{L}\p{Nd}_]*/uy;
const name = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
const mark = /:=|[.|(),=]/y;

/** Splits a template at its actions, and those into words. @throws {TemplateError} */
export function scan(template: string): readonly Piece[] {
  return new Scanner(template).pieces();
}

class Scanner {
  readonly #template: string;
  #at = 0;

  constructor(template: string) {
    this.#template = template;
  }

  pieces(): readonly Piece[] {
    const pieces: Piece[] = [];
    let trimmed = false;
    for (;;) {
      const open = this.#template.indexOf("{{", this.#at);
      const end = open === -1 ? this.#template.length : open;
      let text = this.#template.slice(this.#at, end);
      if (trimmed) text = text.replace(/^[ \t\r\n]+/, "");
      this.#at = end;
      if (open !== -1 && /^\{\{-[ \t\r\n]/.test(this.#template.slice(open, open + 4))) text = trimEnd(text);
      if (text !== "") pieces.push({ kind: "text", text: toOctets(text) });
      if (open === -1) return pieces;
      const skipped = this.#take(comment);
      if (skipped === undefined && this.#take(commentStart) !== undefined)
        throw new TemplateError("a comment has no end, or something stands beside it");
      if (skipped === undefined) {
        const action = this.#action();
        trimmed = action.trimmed;
        pieces.push({ kind: "action", words: action.words });
      } else trimmed = skipped.groups?.right !== undefined;
    }
  }

  #action(): { readonly words: readonly Word[]; readonly trimmed: boolean } {
    this.#take(actionStart);
    const words: Word[] = [];
    for (let apart = true; ; ) {
      const end = this.#take(actionEnd);
      if (end !== undefined) return { words, trimmed: end.groups?.right !== undefined };
      if (this.#at >= this.#template.length) throw new TemplateError("unclosed action");
      if (this.#take(space) !== undefined) apart = true;
      else {
        words.push({ ...this.#word(), apart });
        apart = false;
      }
    }
  }

  #word(): Distribute<Word> {
    const text = this.#take(quoted)?.[0];
    if (text !== undefined) return { kind: "literal", value: unescaped(text.slice(1, -1), '"') };
    const asIs = this.#take(raw)?.[0];
    if (asIs !== undefined)
      return { kind: "literal", value: toOctets(asIs.slice(1, -1).replaceAll("\r", "")) };
    const letter = this.#take(character)?.[0];
    if (letter !== undefined) return { kind: "literal", value: parseCharacter(letter) };
    const digits = this.#take(number)?.[0];
    if (digits !== undefined) return { kind: "literal", value: parseInteger(digits) };
    const field_ = this.#take(field)?.groups?.name;
    if (field_ !== undefined) return { kind: "field", name: this.#bounded(field_) };
    const variable_ = this.#take(variable)?.[0];
    if (variable_ !== undefined) return { kind: "variable", name: this.#bounded(variable_) };
    const name_ = this.#take(name)?.[0];
    if (name_ !== undefined) return { kind: "name", name: this.#bounded(name_) };
    const mark_ = this.#take(mark)?.[0];
    if (mark_ !== undefined) return { kind: "mark", mark: mark_ as Mark };
    const next = String.fromCodePoint(this.#template.codePointAt(this.#at) ?? 0);
    throw new TemplateError(
      /["'`]/.test(next) ? "unterminated quoted text" : `unexpected ${JSON.stringify(next)} in an action`,
    );
  }

  #bounded(word: string): string {
    boundary.lastIndex = this.#at;
    if (!boundary.test(this.#template)) {
      const next = String.fromCodePoint(this.#template.codePointAt(this.#at) ?? 0);
      throw new TemplateError(`bad character ${JSON.stringify(next)} after ${word}`);
    }
    return word;
  }

  #take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#template) ?? undefined;
    if (found !== undefined) this.#at += found[0].length;
    return found;
  }
}

type Distribute<T> = T extends unknown ? Omit<T, "apart"> : never;

/** A pattern that looks for the end would begin anew at each space. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && " \t\r\n".includes(text[end - 1] as string)) end--;
  return text.slice(0, end);
}
