import { closeSync, openSync, writeSync } from "node:fs";
import { Code, StatusError } from "@finial/sdk";

/** Where log lines go: a file that can be opened again after it was moved away, or standard output. */
export class LogFile implements Disposable {
  readonly #path: string | undefined;
  #descriptor: number;

  private constructor(path: string | undefined, descriptor: number) {
    this.#path = path;
    this.#descriptor = descriptor;
  }

  /**
   * @param path undefined for standard output.
   * @throws {StatusError} FailedPrecondition `LOG_FILE`.
   */
  static open(path: string | undefined): LogFile {
    return new LogFile(path, path === undefined ? 1 : openLog(path));
  }

  /** A line that cannot be written is lost: there is no better place to say so, and the daemon's work matters more. */
  write(line: string): void {
    let rest = Buffer.from(line);
    try {
      while (rest.length > 0) rest = rest.subarray(writeSync(this.#descriptor, rest));
    } catch (error) {
      // A pipe that is full or that nobody reads, a full disk: all of them errors of the system.
      if (!(error instanceof Error && "syscall" in error)) throw error;
    }
  }

  /** For log rotation; the old file goes on being used when the new one cannot be opened. */
  reopen(): void {
    if (this.#path === undefined) return;
    const next = openLog(this.#path);
    closeSync(this.#descriptor);
    this.#descriptor = next;
  }

  [Symbol.dispose](): void {
    if (this.#path !== undefined) closeSync(this.#descriptor);
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, "a", 0o640);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StatusError(Code.FailedPrecondition, "LOG_FILE", `unable to open log file: ${why}`, {
      cause: error,
    });
  }
}
