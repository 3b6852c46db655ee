import { type ChildProcess, spawn } from "node:child_process";

export interface Finished {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, with `input` on its standard input. Never throws for an exit status. */
export async function runCommand(
  command: readonly string[],
  options: {
    readonly env?: NodeJS.ProcessEnv;
    readonly cwd?: string;
    readonly input?: string;
    readonly uid?: number;
  } = {},
): Promise<Finished> {
  const [file, ...args] = command;
  if (file === undefined) throw new TypeError("an empty command");
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "pipe"],
    ...(options.env && { env: options.env }),
    ...(options.cwd && { cwd: options.cwd }),
    ...(options.uid !== undefined && { uid: options.uid }),
  });
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, status] = await Promise.all([text(child.stdout), text(child.stderr), exitOf(child)]);
  return { status, stdout, stderr };
}

/** The exit status; 128 + 9 and the like for signals is not distinguished: a killed child gives -1. */
export function exitOf(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null) return Promise.resolve(child.exitCode);
  if (child.signalCode !== null) return Promise.resolve(-1);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? -1));
  });
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = "";
  stream.setEncoding("utf8");
  for await (const chunk of stream) all += chunk;
  return all;
}
