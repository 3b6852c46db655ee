import { functions } from "../functions/functions.ts";
import { TemplateError } from "../template-error.ts";
import { type Piece, scan, type Word } from "./scan.ts";
import type { Node, Pipeline, Templates } from "./syntax.ts";
import { type Scope, Words } from "./words.ts";

/** The name that the template itself has, in SPIRE. */
export const rootName = "agent-path";
/** Of blocks in blocks. */
const maxDepth = 100;

/** @throws {TemplateError} */
export function parse(template: string): Templates {
  const parser = new Parser(scan(template));
  return parser.templates();
}

class Parser {
  readonly #pieces: readonly Piece[];
  readonly #templates = new Map<string, readonly Node[]>();
  #at = 0;
  #depth = 0;
  #rangeDepth = 0;
  #variables: string[] = ["$"];

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  templates(): Templates {
    const { nodes, end } = this.#nodes(true);
    if (end !== undefined) throw new TemplateError(`unexpected {{${keywordOf(end)}}}`);
    this.#define(rootName, nodes);
    return this.#templates;
  }

  /** Nodes up to an `else` or `end`, which is returned; or up to the end of all. */
  #nodes(atTop = false): { readonly nodes: readonly Node[]; readonly end: readonly Word[] | undefined } {
    if (++this.#depth > maxDepth) throw new TemplateError("the template nests too deeply");
    const nodes: Node[] = [];
    let end: readonly Word[] | undefined;
    for (; end === undefined; ) {
      const piece = this.#pieces[this.#at++];
      if (piece === undefined) break;
      if (piece.kind === "text") nodes.push(piece);
      else if (["else", "end"].includes(keywordOf(piece.words) ?? "")) end = piece.words;
      else nodes.push(...this.#action(piece.words, atTop));
    }
    this.#depth--;
    return { nodes, end };
  }

  #action(words: readonly Word[], atTop: boolean): readonly Node[] {
    const keyword = keywordOf(words);
    const rest = words.slice(1);
    switch (keyword) {
      case "if":
      case "with":
      case "range":
        return [this.#control(keyword, rest)];
      case "define":
        if (!atTop) throw new TemplateError("unexpected {{define}}");
        this.#definition(rest);
        return [];
      case "block":
        return [this.#block(rest)];
      case "template":
        return [this.#template(rest, "template")];
      case "break":
      case "continue":
        if (rest.length > 0) throw new TemplateError(`unexpected words in {{${keyword}}}`);
        if (this.#rangeDepth === 0) throw new TemplateError(`{{${keyword}}} outside {{range}}`);
        return [{ kind: keyword }];
      default:
        return [{ kind: "action", pipeline: this.#pipeline(words, "command") }];
    }
  }

  /** Variables that it declares are gone after its end. */
  #control(kind: "if" | "with" | "range", words: readonly Word[]): Node {
    return this.#scoped(() => {
      const pipeline = this.#pipeline(words, kind);
      if (kind === "range") this.#rangeDepth++;
      const { nodes: body, end } = this.#scoped(() => this.#nodes());
      if (kind === "range") this.#rangeDepth--;
      return { kind, pipeline, body, otherwise: this.#otherwise(kind, end) };
    });
  }

  #otherwise(kind: string, end: readonly Word[] | undefined): readonly Node[] {
    if (end === undefined) throw new TemplateError(`unexpected EOF: {{${kind}}} has no {{end}}`);
    const rest = end.slice(1);
    if (keywordOf(end) === "end") {
      if (rest.length > 0) throw new TemplateError("unexpected words in {{end}}");
      return [];
    }
    const next = keywordOf(rest);
    if (next === kind && (next === "if" || next === "with")) {
      if (++this.#depth > maxDepth) throw new TemplateError("the template nests too deeply");
      const chained = this.#control(next, rest.slice(1));
      this.#depth--;
      return [chained];
    }
    if (rest.length > 0) throw new TemplateError("unexpected words in {{else}}");
    const { nodes, end: last } = this.#scoped(() => this.#nodes());
    if (last === undefined) throw new TemplateError(`unexpected EOF: {{${kind}}} has no {{end}}`);
    if (keywordOf(last) !== "end" || last.length > 1)
      throw new TemplateError("expected {{end}} after {{else}}");
    return nodes;
  }

  #definition(words: readonly Word[]): void {
    const [name, ...rest] = words;
    if (rest.length > 0) throw new TemplateError("unexpected words in {{define}}");
    this.#defineBody(nameOf(name, "define"), "define");
  }

  /** A template defined where it is used. */
  #block(words: readonly Word[]): Node {
    const node = this.#template(words, "block");
    if (node.kind !== "template" || node.pipeline === undefined)
      throw new TemplateError("missing value for block clause");
    this.#defineBody(node.name, "block");
    return node;
  }

  /** A template of its own sees no variables of where it stands. */
  #defineBody(name: string, kind: string): void {
    const [variables, rangeDepth] = [this.#variables, this.#rangeDepth];
    [this.#variables, this.#rangeDepth] = [["$"], 0];
    const { nodes, end } = this.#nodes();
    [this.#variables, this.#rangeDepth] = [variables, rangeDepth];
    if (end === undefined || keywordOf(end) !== "end" || end.length > 1)
      throw new TemplateError(`{{${kind}}} has no {{end}}`);
    this.#define(name, nodes);
  }

  #define(name: string, nodes: readonly Node[]): void {
    const known = this.#templates.get(name);
    // As in Go, what says nothing defines nothing that stands in another's way.
    const says = (list: readonly Node[]): boolean =>
      list.some((node) => node.kind !== "text" || /[^ \t\r\n]/.test(node.text));
    if (known !== undefined && says(known)) {
      if (says(nodes)) throw new TemplateError(`multiple definition of template "${name}"`);
      return;
    }
    this.#templates.set(name, nodes);
  }

  #template(words: readonly Word[], clause: string): Node {
    const [name, ...rest] = words;
    const pipeline = rest.length === 0 ? undefined : this.#pipeline(rest, `${clause} clause`);
    return { kind: "template", name: nameOf(name, clause), pipeline };
  }

  #pipeline(words: readonly Word[], context: string): Pipeline {
    const scope: Scope = {
      declare: (name) => this.#variables.push(name),
      isDeclared: (name) => this.#variables.includes(name),
      functions,
    };
    return new Words(words, scope).pipeline(context);
  }

  #scoped<T>(work: () => T): T {
    const count = this.#variables.length;
    const result = work();
    this.#variables.length = count;
    return result;
  }
}

function keywordOf(words: readonly Word[]): string | undefined {
  const [first] = words;
  return first?.kind === "name" ? first.name : undefined;
}

function nameOf(word: Word | undefined, clause: string): string {
  if (word?.kind !== "literal" || typeof word.value !== "string")
    throw new TemplateError(`expected a quoted name in {{${clause}}}`);
  return word.value;
}
