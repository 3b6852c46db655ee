import {
  type LazyLogFields,
  type LogFields,
  type Logger,
  type LogLevel,
  madeFields,
} from "../plugin/logger.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A logger that remembers. */
export interface CapturedLog extends Logger {
  readonly lines: readonly LogLine[];
}

export function captureLog(): CapturedLog {
  return childOf([], {});
}

function childOf(lines: LogLine[], fields: LogFields): CapturedLog {
  const log =
    (level: LogLevel) =>
    (message: string, more: LazyLogFields = {}): void => {
      lines.push({ level, message, fields: { ...fields, ...madeFields(more) } });
    };
  return {
    lines,
    trace: log("trace"),
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    with: (more) => childOf(lines, { ...fields, ...more }),
  };
}
