import { Code, StatusError } from "@finial/sdk";

/** A field every answer must have. @throws {StatusError} Internal `PLUGIN_RESPONSE` with `message` when it has not. */
export function requireResponse<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new StatusError(Code.Internal, "PLUGIN_RESPONSE", message);
  return value;
}
