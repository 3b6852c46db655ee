import type { Status } from "@finial/proto/api/types/status";
import { Code, type LogFields, type Logger, StatusError } from "@finial/sdk";
import { toWireStatus } from "../../kernel/convert/status.ts";

/**
 * A call's or an item's failure, worded as SPIRE does: what failed, then why. NotFound keeps the why to itself.
 *
 * @param cause what was thrown below, if anything
 */
export function failure(code: Code, reason: string, what: string, cause?: unknown): StatusError {
  if (cause === undefined) return new StatusError(code, reason, what);
  const why = StatusError.from(cause);
  const message = code === Code.NotFound ? what : `${what}: ${why.message}`;
  return new StatusError(code, reason, message, { details: why.details, cause });
}

/** The code of what a store threw, where the API passes it on: a stranger's error is Internal. */
export function passedOn(error: unknown): Code {
  const { code } = StatusError.from(error);
  return code === Code.Unknown ? Code.Internal : code;
}

/** Logs an item's failure, which no interceptor sees, and gives its status. */
export function itemFailure(logger: Logger, error: StatusError, fields: LogFields = {}): Status {
  const { cause } = error;
  const why = cause === undefined ? {} : { error: StatusError.from(cause) };
  logger.error(logSentence(error), { ...fields, ...why });
  return toWireStatus(error);
}

/** How SPIRE logs a failure: the what without the why, which is a field. */
export function logSentence(error: StatusError): string {
  const why = error.cause === undefined ? "" : `: ${StatusError.from(error.cause).message}`;
  const what = error.message.endsWith(why)
    ? error.message.slice(0, error.message.length - why.length)
    : error.message;
  if (error.code === Code.InvalidArgument) return `Invalid argument: ${what}`;
  return what.charAt(0).toUpperCase() + what.slice(1);
}
