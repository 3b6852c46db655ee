/** Log fields: SPIRE's names (`trust_domain`, `spiffe_id`, `error` …). Never a key, token or selector value. */
export type LogFields = Readonly<Record<string, unknown>>;

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error";

/** Fields, or what makes them: called only when the line is written. */
export type LazyLogFields = LogFields | (() => LogFields);

/** Structured logger. `with` gives a child whose lines all carry the fields. */
export interface Logger {
  trace(message: string, fields?: LazyLogFields): void;
  debug(message: string, fields?: LazyLogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  with(fields: LogFields): Logger;
}

/** The fields themselves. */
export function madeFields(fields: LazyLogFields): LogFields {
  return typeof fields === "function" ? fields() : fields;
}
