import type { FunctionTable } from "../functions/template-function.ts";
import { TemplateError } from "../template-error.ts";
import type { Mark, Word } from "./scan.ts";
import type { Command, Pipeline, Term } from "./syntax.ts";

/** Of parentheses in parentheses. */
const maxDepth = 100;
const keywords: ReadonlySet<string> = new Set([
  "block",
  "break",
  "continue",
  "define",
  "else",
  "end",
  "if",
  "range",
  "template",
  "with",
]);

/** What the words of an action may name. */
export interface Scope {
  readonly declare: (variable: string) => void;
  readonly isDeclared: (variable: string) => boolean;
  readonly functions: FunctionTable;
}

/** Reads the words of one action. */
export class Words {
  readonly #words: readonly Word[];
  readonly #scope: Scope;
  #at = 0;
  #depth = 0;

  constructor(words: readonly Word[], scope: Scope) {
    this.#words = words;
    this.#scope = scope;
  }

  /** All of them. @param context what is said to lack a value. @throws {TemplateError} */
  pipeline(context: string): Pipeline {
    const declared = this.#declaration(context === "range");
    const commands = this.#commands(context);
    if (this.#at < this.#words.length) throw new TemplateError('unexpected ")"');
    if (declared === undefined) return { variables: [], assigns: false, commands };
    // A variable is there only after what it gets.
    if (!declared.assigns) for (const name of declared.variables) this.#scope.declare(name);
    return { ...declared, commands };
  }

  /** `$x :=`, `$x =`, and for range `$i, $x :=`. */
  #declaration(isRange: boolean): Pick<Pipeline, "variables" | "assigns"> | undefined {
    const [first, second, third, fourth] = this.#words;
    if (first?.kind !== "variable") return undefined;
    const operator = markOf(second);
    if (operator === ":=" || operator === "=") {
      this.#at = 2;
      return this.#declared([first.name], operator);
    }
    if (operator !== ",") return undefined;
    const last = markOf(fourth);
    if (!isRange || third?.kind !== "variable" || (last !== ":=" && last !== "="))
      throw new TemplateError("too many declarations");
    this.#at = 4;
    return this.#declared([first.name, third.name], last);
  }

  #declared(variables: readonly string[], operator: ":=" | "=") {
    const assigns = operator === "=";
    const unknown = assigns ? variables.find((name) => !this.#scope.isDeclared(name)) : undefined;
    if (unknown !== undefined) throw new TemplateError(`undefined variable "${unknown}"`);
    return { variables, assigns };
  }

  #commands(context: string): readonly Command[] {
    const commands: Command[] = [];
    do {
      const command = this.#command(commands.length > 0);
      // As in Go, nothing may follow the last |.
      if (command === undefined && commands.length > 0 && markOf(this.#words[this.#at]) !== "|") break;
      if (command === undefined) throw new TemplateError(`missing value for ${context}`);
      commands.push(command);
    } while (this.#takeMark("|"));
    return commands;
  }

  /** @param isPiped whether it gets one argument more. */
  #command(isPiped: boolean): Command | undefined {
    const terms: Term[] = [];
    for (;;) {
      const apart = this.#words[this.#at]?.apart ?? true;
      const term = this.#operand();
      if (term === undefined) break;
      if (terms.length > 0 && !apart) throw new TemplateError("unexpected words without a space between");
      terms.push(term);
    }
    const [first, ...others] = terms;
    if (first === undefined) return undefined;
    if (first.kind === "nil") throw new TemplateError("nil is not a command");
    if (isPiped && (first.kind === "literal" || first.kind === "dot"))
      throw new TemplateError("a value stands after |, where only a function can");
    this.#checkArguments(first, others.length + (isPiped ? 1 : 0));
    for (const other of others) this.#checkArguments(other, 0);
    return [first, ...others];
  }

  /** @throws {TemplateError} when the function takes another number of arguments, or there is none to take any. */
  #checkArguments(term: Term, count: number): void {
    const inner = term.kind === "chain" ? term.of : term;
    if (term.kind === "chain" && inner.kind === "function") this.#checkArguments(inner, 0);
    if (term.kind !== "function") {
      if (count > 0) throw new TemplateError("a value has arguments, which only a function can have");
      return;
    }
    const known = this.#scope.functions.get(term.name);
    if (known !== undefined && (count < known.min || count > known.max))
      throw new TemplateError(`wrong number of args for ${term.name}: got ${count}`);
  }

  #operand(): Term | undefined {
    const term = this.#term();
    if (term === undefined) return undefined;
    const names = this.#fieldNames();
    if (names.length === 0) return term;
    if (term.kind === "variable" || term.kind === "field")
      return { ...term, names: [...term.names, ...names] };
    if (term.kind === "literal" || term.kind === "nil" || term.kind === "dot")
      throw new TemplateError(`unexpected .${names[0]} after a value`);
    return { kind: "chain", of: term, names };
  }

  /** Those that follow without a space. */
  #fieldNames(): readonly string[] {
    const names: string[] = [];
    for (;;) {
      const word = this.#words[this.#at];
      if (word?.kind !== "field" || word.apart) return names;
      names.push(word.name);
      this.#at++;
    }
  }

  #term(): Term | undefined {
    const word = this.#words[this.#at];
    if (word === undefined) return undefined;
    if (word.kind === "mark") return this.#markTerm(word.mark);
    this.#at++;
    switch (word.kind) {
      case "literal":
        return word;
      case "field":
        return { kind: "field", names: [word.name] };
      case "variable":
        if (!this.#scope.isDeclared(word.name)) throw new TemplateError(`undefined variable "${word.name}"`);
        return { kind: "variable", name: word.name, names: [] };
      case "name":
        return this.#named(word.name);
    }
  }

  #markTerm(mark: Mark): Term | undefined {
    if (mark === "|" || mark === ")") return undefined;
    this.#at++;
    if (mark === ".") return { kind: "dot" };
    if (mark !== "(") throw new TemplateError(`unexpected ${JSON.stringify(mark)} in an action`);
    if (++this.#depth > maxDepth) throw new TemplateError("the template nests too deeply");
    const commands = this.#commands("parenthesized pipeline");
    if (!this.#takeMark(")")) throw new TemplateError("unclosed left paren");
    this.#depth--;
    return { kind: "pipeline", pipeline: { variables: [], assigns: false, commands } };
  }

  #named(name: string): Term {
    if (name === "true" || name === "false") return { kind: "literal", value: name === "true" };
    if (name === "nil") return { kind: "nil" };
    if (keywords.has(name)) throw new TemplateError(`unexpected <${name}> in an action`);
    if (!this.#scope.functions.has(name)) throw new TemplateError(`function "${name}" not defined`);
    return { kind: "function", name };
  }

  #takeMark(mark: Mark): boolean {
    if (markOf(this.#words[this.#at]) !== mark) return false;
    this.#at++;
    return true;
  }
}

function markOf(word: Word | undefined): Mark | undefined {
  return word?.kind === "mark" ? word.mark : undefined;
}
