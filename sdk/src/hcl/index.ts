export type { HclBody, HclItem, HclKey, HclValue, Position } from "./ast.ts";
export { parseDurationMs } from "./duration.ts";
export { nearest } from "./nearest.ts";
export { type ParseOptions, parseHcl } from "./parse.ts";
export { type PrintedHcl, printHcl, printHclPlaces, printHclValue } from "./print.ts";
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
  printed,
  type Report,
  readFields,
  string,
  strings,
  text,
} from "./schema.ts";
