import { StatusError } from "@finial/sdk";

/** Takes text; a line is whole when it ends with "\n". */
export interface TextSink {
  write(text: string): unknown;
}

/** What a command knows of the process that runs it. */
export interface CommandIo {
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  /** All of standard input. */
  readStdin(): Promise<Buffer>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  now(): Date;
  /** Aborts at SIGINT and SIGTERM, which from then on no longer end the process by themselves. */
  untilInterrupted(): AbortSignal;
  onSignal(name: "SIGUSR1" | "SIGUSR2", react: () => void): void;
}

/** The running process itself. */
export function processIo(): CommandIo {
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Whoever read us has seen enough: `finial-server entry show | head`.
      process.exit(error.code === "EPIPE" ? 0 : 1);
    });
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    readStdin: async () => Buffer.concat(await Array.fromAsync<Buffer>(process.stdin)),
    env: process.env,
    cwd: process.cwd(),
    now: () => new Date(),
    untilInterrupted: () => {
      const stop = new AbortController();
      // Every one of them: signals to a whole process group tend to come twice.
      for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
      return stop.signal;
    },
    onSignal: (name, react) => {
      process.on(name, react);
    },
  };
}

/** What an error says to whoever runs the command; the system's as SPIRE words them: `open x: no such file or directory`. */
export function messageOf(error: unknown): string {
  const { message } = StatusError.from(error);
  if (!(error instanceof Error && "syscall" in error)) return message;
  const [, what, call, path] = /^E[A-Z0-9]+: (.+), (\w+)(?: '(.*)')?$/s.exec(message) ?? [];
  if (what === undefined) return message;
  return path === undefined ? `${call}: ${what}` : `${call} ${path}: ${what}`;
}
