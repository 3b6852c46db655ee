import { functionTable } from "./functions.ts";
import { type Expression, type Node, parseTemplate } from "./syntax.ts";
import { TemplateError } from "./template-error.ts";
import { isEmpty, isMap, kindOf, type TemplateValue, textOf } from "./value.ts";

/**
 * The path of an agent's ID, written in a strict part of Go's text/template: text, fields, literals, pipelines, `if`, and
 * functions on strings and lists. A key that is not there is an error, as in SPIRE.
 *
 * @see Go's text/template, SPIRE's doc/template_engine.md
 */
export class AgentPathTemplate {
  readonly #nodes: readonly Node[];

  private constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
  }

  /**
   * @param fields names there will be in the data; without it any.
   * @throws {TemplateError}
   */
  static parse(text: string, fields?: ReadonlySet<string>): AgentPathTemplate {
    const nodes = parseTemplate(text);
    if (fields !== undefined) checkFields(nodes, fields);
    return new AgentPathTemplate(nodes);
  }

  /** @throws {TemplateError} naming the field or function it stopped at. */
  execute(data: ReadonlyMap<string, TemplateValue>): string {
    return this.#nodes.map((node) => print(node, data)).join("");
  }
}

type Data = ReadonlyMap<string, TemplateValue>;

function print(node: Node, data: Data): string {
  if (node.kind === "text") return node.text;
  if (node.kind === "print") return named("print", () => textOf(evaluate(node.expression, data)));
  const chosen = isEmpty(evaluate(node.condition, data)) ? node.otherwise : node.then;
  return chosen.map((inner) => print(inner, data)).join("");
}

function evaluate(expression: Expression, data: Data): TemplateValue {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "field":
      return expression.names.reduce(
        lookUp,
        expression.of === undefined ? data : evaluate(expression.of, data),
      );
    case "call":
      return call(expression.name, expression.arguments, data);
  }
}

function lookUp(value: TemplateValue, name: string): TemplateValue {
  if (!isMap(value)) throw new TemplateError(`can't evaluate field ${name} in ${kindOf(value)}`);
  const found = value.get(name);
  if (found === undefined) throw new TemplateError(`map has no entry for key "${name}"`);
  return found;
}

function call(name: string, expressions: readonly Expression[], data: Data): TemplateValue {
  // These two look no further than they must, as in Go.
  if (name === "and" || name === "or") {
    let value: TemplateValue = "";
    for (const expression of expressions) {
      value = evaluate(expression, data);
      if (isEmpty(value) === (name === "and")) return value;
    }
    return value;
  }
  const given = expressions.map((expression) => evaluate(expression, data));
  const known = functionTable.get(name);
  if (known === undefined) throw new TemplateError(`function "${name}" not defined`);
  return named(name, () => known.call(...given));
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

function checkFields(nodes: readonly Node[], fields: ReadonlySet<string>): void {
  const check = (expression: Expression): void => {
    if (expression.kind === "call") expression.arguments.forEach(check);
    if (expression.kind !== "field") return;
    if (expression.of !== undefined && !(expression.of.kind === "field" && expression.of.names.length === 0))
      check(expression.of);
    else if (expression.names[0] !== undefined && !fields.has(expression.names[0]))
      throw new TemplateError(
        `there is no field .${expression.names[0]}; there are ${[...fields].map((field) => `.${field}`).join(", ")}`,
      );
  };
  for (const node of nodes) {
    if (node.kind === "print") check(node.expression);
    if (node.kind !== "if") continue;
    check(node.condition);
    checkFields(node.then, fields);
    checkFields(node.otherwise, fields);
  }
}
