import { rootName } from "./syntax/parse.ts";
import type { Node, Pipeline, Templates, Term } from "./syntax/syntax.ts";
import { TemplateError } from "./template-error.ts";

/** Names of fields, and of fields in them; true where anything may follow. */
export interface TemplateFields {
  readonly [name: string]: true | TemplateFields;
}

/**
 * Checks the fields a template names, as far as it can be told without carrying it out: those of the data itself.
 *
 * @throws {TemplateError} saying which there are.
 */
export function checkFields(templates: Templates, fields: TemplateFields): void {
  new FieldCheck(fields).nodes(templates.get(rootName) ?? [], true);
}

class FieldCheck {
  readonly #fields: TemplateFields;

  constructor(fields: TemplateFields) {
    this.#fields = fields;
  }

  /** @param isRoot whether dot is the data itself here. */
  nodes(nodes: readonly Node[], isRoot: boolean): void {
    for (const node of nodes) {
      if ("pipeline" in node && node.pipeline !== undefined) this.#pipeline(node.pipeline, isRoot);
      if (!("body" in node)) continue;
      this.nodes(node.body, isRoot && node.kind === "if");
      this.nodes(node.otherwise, isRoot);
    }
  }

  #pipeline({ commands }: Pipeline, isRoot: boolean): void {
    for (const command of commands) for (const term of command) this.#term(term, isRoot);
  }

  #term(term: Term, isRoot: boolean): void {
    if (term.kind === "pipeline") this.#pipeline(term.pipeline, isRoot);
    else if (term.kind === "chain") this.#term(term.of, isRoot);
    else if ((term.kind === "field" && isRoot) || (term.kind === "variable" && term.name === "$"))
      this.#names(term.names);
  }

  #names(names: readonly string[]): void {
    let there: true | TemplateFields = this.#fields;
    let place = "";
    for (const name of names) {
      if (there === true) return;
      if (!Object.hasOwn(there, name)) {
        const known = Object.keys(there).map((key) => `${place}.${key}`);
        throw new TemplateError(`there is no field ${place}.${name}; there are ${known.join(", ")}`);
      }
      place = `${place}.${name}`;
      there = there[name] as true | TemplateFields;
    }
  }
}
