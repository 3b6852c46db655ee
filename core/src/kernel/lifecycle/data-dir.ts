import { Code, StatusError } from "@finial/sdk";
import { makeFolders } from "./make-folders.ts";

/** @throws {StatusError} FailedPrecondition `DATA_DIR`. */
export function makeDataDir(path: string): void {
  try {
    makeFolders(path);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(Code.FailedPrecondition, "DATA_DIR", `cannot make the data directory: ${why}`, {
      cause: error,
    });
  }
}
