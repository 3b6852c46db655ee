export type { HclBody, HclItem, HclKey, HclValue, Position } from "./ast.ts";
export { parseDurationMs } from "./duration.ts";
export { nearest } from "./nearest.ts";
export { type ParseOptions, parseHcl } from "./parse.ts";
export { printHcl, printHclValue } from "./print.ts";
export { type Problem, problemsError } from "./problem.ts";
export {
  block,
  blocks,
  bool,
  type Decoded,
  decodeConfig,
  durationMs,
  type Field,
  type Fields,
  int,
  type Labelled,
  labelled,
  type Occurrence,
  type Report,
  readFields,
  string,
  strings,
  text,
} from "./schema.ts";
