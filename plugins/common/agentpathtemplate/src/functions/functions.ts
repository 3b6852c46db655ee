import { caseFunctions } from "./case-functions.ts";
import { choiceFunctions } from "./choice-functions.ts";
import { comparisonFunctions } from "./comparison-functions.ts";
import { encodingFunctions } from "./encoding-functions.ts";
import { formatFunctions } from "./format-functions.ts";
import { listFunctions } from "./list-functions.ts";
import { mapFunctions } from "./map-functions.ts";
import { pathFunctions } from "./path-functions.ts";
import { regexFunctions } from "./regex-functions.ts";
import type { FunctionTable } from "./template-function.ts";
import { textFunctions } from "./text-functions.ts";
import { urlFunctions } from "./url-functions.ts";

/** Go's own, and those of sprig that SPIRE allows. @see SPIRE's pkg/common/agentpathtemplate, Go's text/template */
export const functions: FunctionTable = new Map(
  Object.entries({
    ...caseFunctions,
    ...choiceFunctions,
    ...comparisonFunctions,
    ...encodingFunctions,
    ...formatFunctions,
    ...listFunctions,
    ...mapFunctions,
    ...pathFunctions,
    ...regexFunctions,
    ...textFunctions,
    ...urlFunctions,
  }),
);
