import { Code, StatusError } from "@finial/sdk";

/** What was asked for cannot be done as it was asked. */
export function usageError(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "USAGE", message);
}
