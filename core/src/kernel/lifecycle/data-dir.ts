import { mkdirSync } from "node:fs";
import { Code, StatusError } from "@finial/sdk";

/** @throws {StatusError} FailedPrecondition `DATA_DIR`. */
export function makeDataDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(Code.FailedPrecondition, "DATA_DIR", `cannot make the data directory: ${why}`, {
      cause: error,
    });
  }
}
