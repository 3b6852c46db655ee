import { Code, type LogLevel, StatusError } from "@finial/sdk";
import { findLogLevel, type LogFormat } from "../telemetry/log.ts";

/** Where a daemon's log goes, and how. */
export interface LogSettings {
  /** Absent: standard output. */
  readonly file: string | undefined;
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** @throws {StatusError} InvalidArgument, in SPIRE's words. */
export function parseLogSettings(values: {
  readonly file: string | undefined;
  readonly level: string | undefined;
  readonly format: string | undefined;
}): LogSettings {
  const level = findLogLevel(values.level || "INFO");
  if (level === undefined)
    throw new StatusError(
      Code.InvalidArgument,
      "LOG_LEVEL",
      `could not start logger: not a valid logrus Level: "${values.level}"; it is one of ERROR, WARN, INFO, DEBUG and TRACE`,
    );
  const format = (values.format || "text").toLowerCase();
  if (format !== "text" && format !== "json")
    throw new StatusError(
      Code.InvalidArgument,
      "LOG_FORMAT",
      `could not start logger: unknown logger format: "${values.format}"; it is text or json`,
    );
  return { file: values.file || undefined, level, format };
}
