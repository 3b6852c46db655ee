import { getSystemErrorMessage } from "node:util";
import { Code, StatusError } from "@finial/sdk";

/** An Internal status; what is a status already, or an abort, stays what it is. */
export function internal(reason: string, what: string, error?: unknown): StatusError {
  if (error instanceof StatusError || (error instanceof Error && error.name === "AbortError"))
    return StatusError.from(error);
  const message = error === undefined ? what : `${what}: ${wordsOf(error)}`;
  return new StatusError(Code.Internal, reason, message, { cause: error });
}

/** A system error in the words, and the order, operators know from SPIRE: `open /x: permission denied`. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { errno, syscall, path } = error as NodeJS.ErrnoException;
  if (errno === undefined || syscall === undefined) return error.message;
  return `${syscall} ${path === undefined ? "" : `${path}: `}${getSystemErrorMessage(errno)}`;
}
