import type { CommandIo } from "./io.ts";

/** A command's surroundings that keep what it prints. For tests. */
export class FakeIo implements CommandIo {
  out = "";
  err = "";
  readonly stdout = {
    write: (text: string): void => {
      this.out += text;
    },
  };
  readonly stderr = {
    write: (text: string): void => {
      this.err += text;
    },
  };
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: string;
  readonly interruption = new AbortController();
  readonly time = new Date("2026-01-31T13:45:00Z");

  constructor(
    options: { readonly env?: CommandIo["env"]; readonly cwd?: string; readonly stdin?: string } = {},
  ) {
    this.env = options.env ?? {};
    this.cwd = options.cwd ?? "/";
    this.stdin = options.stdin ?? "";
  }

  async readStdin(): Promise<Buffer> {
    return Buffer.from(this.stdin);
  }
  now(): Date {
    return this.time;
  }
  untilInterrupted(): AbortSignal {
    return this.interruption.signal;
  }
  onSignal(): void {}
}
