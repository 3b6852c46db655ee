import { Budget } from "./budget.ts";
import { functions } from "./functions/functions.ts";
import { checkLength } from "./length.ts";
import type { Octets } from "./octets.ts";
import { rootName } from "./syntax/parse.ts";
import type { Command, Control, Node, Pipeline, Templates, Term } from "./syntax/syntax.ts";
import { TemplateError } from "./template-error.ts";
import { Dict, isList, isTrue, kindOf, printed, Struct, sortedEntries, type Value } from "./value.ts";

/** Of templates, which may call themselves, with blocks and parentheses in them: as deep as the stack is sure to hold. */
const maxDepth = 300;

type Jump = "break" | "continue" | undefined;

interface Variable {
  readonly name: string;
  value: Value;
}

/** Carries a template out, once. */
export class Execution {
  readonly #templates: Templates;
  readonly #budget = new Budget();
  #variables: Variable[] = [];
  #output: Octets = "";
  #depth = 0;

  constructor(templates: Templates) {
    this.#templates = templates;
  }

  /** @throws {TemplateError} naming the field or function it stopped at. */
  run(data: Value): Octets {
    this.#template(rootName, data);
    return this.#output;
  }

  #template(name: string, dot: Value): void {
    const nodes = this.#templates.get(name);
    if (nodes === undefined) throw new TemplateError(`template "${name}" not defined`);
    const outer = this.#variables;
    this.#variables = [{ name: "$", value: dot }];
    this.#walk(nodes, dot);
    this.#variables = outer;
  }

  #walk(nodes: readonly Node[], dot: Value): Jump {
    return this.#deeper(() => {
      for (const node of nodes) {
        this.#budget.spend(1);
        const jump = this.#node(node, dot);
        if (jump !== undefined) return jump;
      }
      return undefined;
    });
  }

  #deeper<T>(work: () => T): T {
    if (++this.#depth > maxDepth) throw new TemplateError("templates and blocks lie too deep in each other");
    const result = work();
    this.#depth--;
    return result;
  }

  #node(node: Node, dot: Value): Jump {
    switch (node.kind) {
      case "text":
        this.#write(node.text);
        return undefined;
      case "action": {
        const value = this.#pipeline(node.pipeline, dot);
        if (node.pipeline.variables.length === 0)
          this.#write(named("print", () => (value === null ? "<no value>" : printed(value))));
        return undefined;
      }
      case "template":
        this.#template(node.name, node.pipeline === undefined ? null : this.#pipeline(node.pipeline, dot));
        return undefined;
      case "break":
      case "continue":
        return node.kind;
      case "if":
      case "with":
        return this.#scoped(() => {
          const value = this.#pipeline(node.pipeline, dot);
          if (!isTrue(value)) return this.#walk(node.otherwise, dot);
          return this.#scoped(() => this.#walk(node.body, node.kind === "with" ? value : dot));
        });
      case "range":
        return this.#scoped(() => this.#range(node, dot));
    }
  }

  #range({ pipeline, body, otherwise }: Control, dot: Value): Jump {
    const value = this.#pipeline(pipeline, dot);
    let isEmpty = true;
    for (const [key, item] of itemsOf(value, pipeline.variables.length)) {
      isEmpty = false;
      this.#budget.spend(1);
      const [first, second] = pipeline.variables;
      if (first !== undefined) this.#assign(first, second === undefined ? item : key);
      if (second !== undefined) this.#assign(second, item);
      if (this.#scoped(() => this.#walk(body, item)) === "break") return undefined;
    }
    return isEmpty ? this.#walk(otherwise, dot) : undefined;
  }

  #pipeline({ variables, assigns, commands }: Pipeline, dot: Value): Value {
    let value: Value | undefined;
    for (const command of commands) value = this.#command(command, dot, value);
    const result = value ?? null;
    for (const name of variables)
      if (assigns) this.#assign(name, result);
      else this.#variables.push({ name, value: result });
    return result;
  }

  /** @param piped what the command before gave: the last argument. */
  #command([first, ...others]: Command, dot: Value, piped: Value | undefined): Value {
    if (first.kind === "function") return this.#call(first.name, others, { dot, piped });
    if (piped !== undefined) throw new TemplateError("can't give argument to non-function");
    return this.#term(first, dot);
  }

  #term(term: Term, dot: Value): Value {
    this.#budget.spend(1);
    switch (term.kind) {
      case "literal":
        return term.value;
      case "nil":
        return null;
      case "dot":
        return dot;
      case "field":
        return term.names.reduce(fieldOf, dot);
      case "variable":
        return term.names.reduce(fieldOf, this.#variable(term.name).value);
      case "function":
        return this.#call(term.name, [], { dot, piped: undefined });
      case "pipeline":
        return this.#deeper(() => this.#pipeline(term.pipeline, dot));
      case "chain":
        return term.names.reduce(fieldOf, this.#term(term.of, dot));
    }
  }

  #call(
    name: string,
    terms: readonly Term[],
    { dot, piped }: { readonly dot: Value; readonly piped: Value | undefined },
  ): Value {
    if (name === "and" || name === "or") {
      let value: Value = null;
      for (const term of terms) {
        value = this.#term(term, dot);
        if (isTrue(value) === (name === "or")) return value;
      }
      return piped === undefined ? value : piped;
    }
    const given = terms.map((term) => this.#term(term, dot));
    if (piped !== undefined) given.push(piped);
    for (const each of given) this.#budget.spendOn(each);
    const known = functions.get(name);
    if (known === undefined) throw new TemplateError(`function "${name}" not defined`);
    const value = named(name, () => known.call(given, this.#budget));
    this.#budget.spendOn(value);
    return value;
  }

  #variable(name: string): Variable {
    const found = this.#variables.findLast((variable) => variable.name === name);
    if (found === undefined) throw new TemplateError(`undefined variable: ${name}`);
    return found;
  }

  #assign(name: string, value: Value): void {
    this.#variable(name).value = value;
  }

  #scoped<T>(work: () => T): T {
    const count = this.#variables.length;
    const result = work();
    this.#variables.length = count;
    return result;
  }

  #write(octets: Octets): void {
    this.#budget.spendOn(octets);
    named("print", () => checkLength(this.#output.length + octets.length));
    this.#output += octets;
  }
}

function fieldOf(value: Value, name: string): Value {
  if (value instanceof Struct) {
    const field = value.fields.get(name);
    if (field === undefined) throw new TemplateError(`can't evaluate field ${name}`);
    return field;
  }
  if (value === null) throw new TemplateError(`nil data; no entry for key "${name}"`);
  if (!(value instanceof Dict)) throw new TemplateError(`can't evaluate field ${name} in ${kindOf(value)}`);
  const found = value.get(name);
  if (found === undefined) throw new TemplateError(`map has no entry for key "${name}"`);
  return found;
}

/** What `range` goes through: keys and items. */
function* itemsOf(value: Value, variables: number): Generator<readonly [Value, Value]> {
  if (value === null) return;
  if (typeof value === "number") {
    if (variables > 1) throw new TemplateError(`can't use ${value} to iterate over more than one variable`);
    for (let index = 0; index < value; index++) yield [null, index];
  } else if (isList<Value>(value)) yield* value.entries();
  else if (value instanceof Dict) yield* sortedEntries(value);
  else throw new TemplateError(`range can't iterate over ${kindOf(value)}`);
}

/** Functions throw TypeErrors of their own words. */
function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TemplateError(`${name}: ${error.message}`);
  }
}
