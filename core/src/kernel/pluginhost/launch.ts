/** How a plugin's process is started. */
export interface Launch {
  /** Absolute path of the file that runs; the PATH is never searched. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Ours end when their standard input does; a stranger's plugin may read it for reasons of its own. */
  readonly lifeline: boolean;
  /** For the log: base name of what the operator, or the manifest, named. */
  readonly baseName: string;
  /** What to verify before the process starts, and against which SHA-256. */
  readonly checksum: { readonly file: string; readonly sha256: string } | undefined;
}
