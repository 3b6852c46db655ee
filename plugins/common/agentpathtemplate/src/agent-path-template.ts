import { checkFields, type TemplateFields } from "./check-fields.ts";
import { Execution } from "./execution.ts";
import { fromOctets } from "./octets.ts";
import { parse } from "./syntax/parse.ts";
import type { Templates } from "./syntax/syntax.ts";
import { TemplateError } from "./template-error.ts";
import { type TemplateData, toValue } from "./value.ts";

const maxTemplateLength = 65_536;

/**
 * The path of an agent's ID, written in Go's text/template with the functions that SPIRE allows. A key that is not there
 * is an error, as in SPIRE. Whatever the template and the data, it ends soon.
 *
 * @see Go's text/template, SPIRE's doc/template_engine.md
 */
export class AgentPathTemplate {
  readonly #templates: Templates;

  private constructor(templates: Templates) {
    this.#templates = templates;
  }

  /**
   * @param fields names there will be in the data; without it any.
   * @throws {TemplateError}
   */
  static parse(text: string, fields?: TemplateFields): AgentPathTemplate {
    if (text.length > maxTemplateLength)
      throw new TemplateError(`the template has more than ${maxTemplateLength} characters`);
    const templates = parse(text);
    if (fields !== undefined) checkFields(templates, fields);
    return new AgentPathTemplate(templates);
  }

  /** @throws {TemplateError} naming the field or function it stopped at. */
  execute(data: TemplateData): string {
    return fromOctets(new Execution(this.#templates).run(toValue(data)));
  }
}
