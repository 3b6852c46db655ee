import type { Budget } from "../budget.ts";
import type { Value } from "../value.ts";

/** A function of the language, and how many arguments it takes. */
export interface TemplateFunction {
  readonly min: number;
  readonly max: number;
  /** @throws {TypeError} in words for people. */
  readonly call: (given: readonly Value[], budget: Budget) => Value;
}

export type FunctionTable = ReadonlyMap<string, TemplateFunction>;

/** Functions by their names. */
export type Functions = Readonly<Record<string, TemplateFunction>>;

/** As takes, for functions whose work is not told by the size of their arguments. */
export function takesWork(
  count: number | { readonly atLeast: number },
  call: TemplateFunction["call"],
): TemplateFunction {
  return { ...takes(count, any), call };
}

const any = (value: Value | undefined): Value => value ?? null;

/** A function of a fixed number of arguments, or of at least as many. */
export function takes(
  count: number | { readonly atLeast: number },
  call: (...given: readonly Value[]) => Value,
): TemplateFunction {
  return {
    min: typeof count === "number" ? count : count.atLeast,
    max: typeof count === "number" ? count : Number.POSITIVE_INFINITY,
    call: (given) => call(...given),
  };
}
