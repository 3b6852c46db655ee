import { TemplateError } from "./template-error.ts";
import { Dict, isList, type Value } from "./value.ts";

/** Steps, and octets and list items moved, in one execution: some tens of milliseconds at most. */
const maxWork = 250_000;

/** How much a template may still do. What it is given comes from strangers; it must not take long for any of it. */
export class Budget {
  #left = maxWork;

  /** @throws {TemplateError} when it is used up. */
  spend(work: number): void {
    this.#left -= work;
    if (this.#left < 0) throw new TemplateError("the template does too much");
  }

  spendOn(value: Value): void {
    this.spend(sizeOf(value));
  }
}

/** Only of what it holds itself: what that holds was paid for when it was made. */
function sizeOf(value: Value): number {
  if (typeof value === "string") return 1 + value.length;
  if (isList<Value>(value)) return 1 + value.length;
  return value instanceof Dict ? 1 + value.size : 1;
}
