import { Code } from "../status/code.ts";
import { StatusError } from "../status/status-error.ts";
import type { Position } from "./ast.ts";

/** One thing wrong in a configuration, and where. */
export interface Problem {
  readonly position: Position | undefined;
  readonly message: string;
}

/** Problems as one error, a line each: `server.conf:3:5: …`. Without a file name, `line 3, column 5: …`. */
export function problemsError(
  reason: string,
  problems: readonly Problem[],
  filename: string | undefined,
): StatusError {
  return new StatusError(
    Code.InvalidArgument,
    reason,
    problems.map((problem) => `${place(problem.position, filename)}${problem.message}`).join("\n"),
  );
}

function place(position: Position | undefined, filename: string | undefined): string {
  if (position === undefined) return filename === undefined ? "" : `${filename}: `;
  if (filename === undefined) return `line ${position.line}, column ${position.column}: `;
  return `${filename}:${position.line}:${position.column}: `;
}
