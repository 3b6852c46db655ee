/** A template that is none, or cannot be carried out on some data. Says nothing of the data but the names in it. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}
