import { Code, StatusError } from "@finial/sdk";

/** A configuration that says what cannot be. */
export function invalid(message: string): StatusError {
  return new StatusError(Code.InvalidArgument, "CONFIG_INVALID", message);
}

/** Reads a value, and says which one when it cannot be read. */
export function named<T>(what: string, value: string, parse: (value: string) => T): T {
  try {
    return parse(value);
  } catch (error) {
    throw invalid(`could not parse ${what} "${value}": ${StatusError.from(error).message}`);
  }
}
