import { Code, StatusError } from "@finial/sdk";

export function recordNotFound(): StatusError {
  return new StatusError(Code.NotFound, "RECORD_NOT_FOUND", "record not found");
}

export function invalidArgument(reason: string, message: string, cause?: unknown): StatusError {
  return new StatusError(Code.InvalidArgument, reason, message, { cause });
}

export function failedPrecondition(reason: string, message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, reason, message);
}

/** What the database holds cannot be understood. */
export function corrupt(message: string, cause?: unknown): StatusError {
  return new StatusError(Code.Internal, "RECORD_CORRUPT", message, { cause });
}

export function databaseClosed(): StatusError {
  return new StatusError(Code.Unavailable, "DATABASE_CLOSED", "the database is closed");
}
