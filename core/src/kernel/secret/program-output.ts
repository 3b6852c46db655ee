import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { getSystemErrorMessage } from "node:util";
import { type Clock, Code, StatusError } from "@finial/sdk";
import { within } from "../lifecycle/within.ts";

export interface Program {
  /** Absolute path of the file that runs. No shell is asked, and the PATH is not searched. */
  readonly file: string;
  /** What it is told that its name is: programs of many names look at it. */
  readonly argv0: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface OutputLimits {
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

/**
 * What a program writes to its standard output. Its standard input is empty; what it says on standard error may be secret, too,
 * and is dropped. With the program ends all it started.
 *
 * @throws {StatusError} FailedPrecondition `SECRET_PROGRAM` when it fails, takes too long or says too much; Cancelled.
 */
export async function readProgramOutput(
  program: Program,
  limits: OutputLimits,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Buffer> {
  signal?.throwIfAborted();
  const child = spawn(program.file, program.args, {
    argv0: program.argv0,
    env: program.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  try {
    const output = await within(outputOf(child, limits.maxBytes), limits.timeoutMs, { clock, signal });
    if (output === undefined) throw failed(`did not end within ${limits.timeoutMs / 1000} s`);
    return output;
  } finally {
    killGroupOfRunning(child);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

type PipedProcess = ReturnType<typeof spawn> & Pick<ChildProcess, "stdout" | "stderr">;

async function outputOf(child: PipedProcess, maxBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let errorBytes = 0;
  const tooMuch = new Promise<never>((_, reject) => {
    child.stdout?.on("data", (piece: Buffer) => {
      bytes += piece.length;
      if (bytes > maxBytes) reject(failed(`says more than ${maxBytes >> 10} KiB`));
      else pieces.push(piece);
    });
  });
  child.stderr?.on("data", (piece: Buffer) => {
    errorBytes += piece.length;
  });
  // What has left its process group may hold the pipes open: then the deadline ends the wait.
  child.once("exit", () => killGroup(child));
  const closed = once(child, "close") as Promise<[code: number | null, signal: string | null]>;
  const [code, signal] = await Promise.race([closed, tooMuch]).catch((error: unknown) => {
    throw error instanceof StatusError ? error : notStarted(error);
  });
  if (code === 0) return Buffer.concat(pieces);
  const said = errorBytes === 0 ? "" : ` (${errorBytes} bytes on its standard error are not shown)`;
  throw failed(`${signal === null ? `ended with exit status ${code}` : `was killed by ${signal}`}${said}`);
}

/** Once it has ended and is forgotten, another group may have its number. */
function killGroupOfRunning(child: ChildProcess): void {
  if (child.exitCode === null && child.signalCode === null) killGroup(child);
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Nobody is left, or it runs as somebody else.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

function notStarted(error: unknown): StatusError {
  const { errno, message } = error as NodeJS.ErrnoException;
  return failed(`cannot be run: ${errno === undefined ? message : getSystemErrorMessage(errno)}`);
}

function failed(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "SECRET_PROGRAM", message);
}
