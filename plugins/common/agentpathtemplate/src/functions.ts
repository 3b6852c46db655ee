import { comparisonFunctions } from "./comparison-functions.ts";
import { listFunctions } from "./list-functions.ts";
import { pathFunctions } from "./path-functions.ts";
import { textFunctions } from "./text-functions.ts";
import type { TemplateValue } from "./value.ts";

/** A function of the language, and how many arguments it takes. */
export interface TemplateFunction {
  readonly min: number;
  readonly max: number;
  /** @throws {TypeError} in words for people. */
  readonly call: (...given: TemplateValue[]) => TemplateValue;
}

export type FunctionTable = ReadonlyMap<string, TemplateFunction>;

/** Those of Go's own and of sprig that give the same for the same arguments, and cannot be made to run for long. */
export const functionTable: FunctionTable = new Map(
  Object.entries({ ...comparisonFunctions, ...textFunctions, ...pathFunctions, ...listFunctions }),
);
