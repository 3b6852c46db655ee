import { type FunctionTable, functionTable } from "./functions.ts";
import { TemplateError } from "./template-error.ts";
import { type Piece, splitTemplate, type Word } from "./tokens.ts";
import type { TemplateValue } from "./value.ts";

/** What stands for a value. */
export type Expression =
  | { readonly kind: "literal"; readonly value: TemplateValue }
  /** Names looked up in `of`, or in the data itself. */
  | { readonly kind: "field"; readonly names: readonly string[]; readonly of: Expression | undefined }
  | { readonly kind: "call"; readonly name: string; readonly arguments: readonly Expression[] };

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly expression: Expression }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly then: readonly Node[];
      readonly otherwise: readonly Node[];
    };

/** Of Go's language, but not of ours: refused by name, so that nobody looks for a typing mistake. */
const unsupported: ReadonlySet<string> = new Set([
  "range",
  "with",
  "define",
  "template",
  "block",
  "break",
  "continue",
  "nil",
]);

/** @throws {TemplateError} */
export function parseTemplate(template: string): readonly Node[] {
  const pieces = new Pieces(splitTemplate(template));
  const nodes = pieces.nodes([]);
  return nodes;
}

class Pieces {
  readonly #pieces: readonly Piece[];
  #at = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  /** Nodes up to one of the words in `ends`, which is left for the caller; with none, up to the end. */
  nodes(ends: readonly string[]): Node[] {
    const nodes: Node[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined) {
        if (ends.length > 0) throw new TemplateError("unexpected EOF: an if has no end");
        return nodes;
      }
      if (piece.kind === "action" && ends.includes(keywordOf(piece.words) ?? "")) return nodes;
      this.#at++;
      nodes.push(piece.kind === "text" ? piece : this.#action(piece.words));
    }
  }

  #action(words: readonly Word[]): Node {
    const keyword = keywordOf(words);
    if (keyword === "if") return this.#if(words.slice(1));
    if (keyword === "else" || keyword === "end") throw new TemplateError(`unexpected {{${keyword}}}`);
    if (words.length === 0) throw new TemplateError("missing value for command");
    return { kind: "print", expression: new Words(words).pipeline() };
  }

  #if(words: readonly Word[]): Node {
    if (words.length === 0) throw new TemplateError("missing value for if");
    const condition = new Words(words).pipeline();
    const then = this.nodes(["else", "end"]);
    return { kind: "if", condition, then, otherwise: this.#otherwise() };
  }

  #otherwise(): readonly Node[] {
    const piece = this.#pieces[this.#at++];
    const words = piece?.kind === "action" ? piece.words : [];
    if (keywordOf(words) === "end") {
      if (words.length > 1) throw new TemplateError("unexpected words after end");
      return [];
    }
    const rest = words.slice(1);
    if (keywordOf(rest) === "if") return [this.#if(rest.slice(1))];
    if (rest.length > 0) throw new TemplateError("unexpected words after else");
    const nodes = this.nodes(["end"]);
    this.#otherwise();
    return nodes;
  }
}

function keywordOf(words: readonly Word[]): string | undefined {
  const [first] = words;
  return first?.kind === "name" ? first.name : undefined;
}

class Words {
  readonly #words: readonly Word[];
  readonly #functions: FunctionTable = functionTable;
  #at = 0;

  constructor(words: readonly Word[]) {
    this.#words = words;
  }

  pipeline(): Expression {
    const expression = this.#pipeline();
    if (this.#at < this.#words.length) throw new TemplateError('unexpected ")"');
    return expression;
  }

  #pipeline(): Expression {
    let value = this.#command(undefined);
    while (this.#takeMark("|")) value = this.#command(value);
    return value;
  }

  /** @param piped the value before the `|`, which becomes the last argument. */
  #command(piped: Expression | undefined): Expression {
    const first = this.#words[this.#at];
    if (first?.kind === "name") {
      this.#at++;
      return this.#call(first.name, [...this.#operands(), ...(piped === undefined ? [] : [piped])]);
    }
    const operand = this.#operand();
    if (operand === undefined) throw new TemplateError("missing value for command");
    if (piped !== undefined) throw new TemplateError("a value stands after |, where only a function can");
    if (this.#operands().length > 0)
      throw new TemplateError("a value has arguments, which only a function can have");
    return operand;
  }

  #operands(): Expression[] {
    const operands: Expression[] = [];
    for (;;) {
      const operand = this.#operand();
      if (operand === undefined) return operands;
      operands.push(operand);
    }
  }

  #operand(): Expression | undefined {
    const word = this.#words[this.#at];
    if (word === undefined || (word.kind === "mark" && (word.mark === "|" || word.mark === ")")))
      return undefined;
    this.#at++;
    if (word.kind === "literal") return word;
    if (word.kind === "field") return { kind: "field", names: word.names, of: undefined };
    if (word.kind === "name") return this.#call(word.name, []);
    if (word.mark === "$") return this.#chained({ kind: "field", names: [], of: undefined });
    const inner = this.#pipeline();
    if (!this.#takeMark(")")) throw new TemplateError("unclosed left paren");
    return this.#chained(inner);
  }

  /** `(…).A`, `$.A` */
  #chained(of: Expression): Expression {
    const next = this.#words[this.#at];
    if (next?.kind !== "field" || !next.joined) return of;
    this.#at++;
    return { kind: "field", names: next.names, of };
  }

  #call(name: string, given: readonly Expression[]): Expression {
    if (unsupported.has(name)) throw new TemplateError(`${name} is not supported here`);
    const known = this.#functions.get(name);
    if (known === undefined) throw new TemplateError(`function "${name}" not defined`);
    const { min, max } = known;
    if (given.length < min || given.length > max)
      throw new TemplateError(`wrong number of args for ${name}: ${given.length}`);
    return { kind: "call", name, arguments: given };
  }

  #takeMark(mark: string): boolean {
    const word = this.#words[this.#at];
    if (word?.kind !== "mark" || word.mark !== mark) return false;
    this.#at++;
    return true;
  }
}
