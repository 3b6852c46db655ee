import type { StoredPackage } from "../pluginstore/plugin-store.ts";

/** How a plugin's process is started. */
export interface Launch {
  /** Absolute path of the file that runs; the PATH is never searched. */
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Whether it is asked for a link under mutual TLS, which nobody else on this machine can use. */
  readonly sealed: boolean;
  /** Ours end when their standard input does; a stranger's plugin may read it for reasons of its own. */
  readonly lifeline: boolean;
  /** For the log: base name of what the operator, or the manifest, named. */
  readonly baseName: string;
  /** What to verify before the process starts; it is `file` or one of `args`. */
  readonly checksum: Checksum | undefined;
  /** The package that holds `file` or one of `args`: it is verified before, and what was verified runs. */
  readonly stored?: StoredPackage | undefined;
}

export interface Checksum {
  readonly file: string;
  /** In hex. */
  readonly sha256: string;
  /**
   * Whether what was verified is what has to run. A checksum that lies beside its file finds damage, and whoever can change
   * one can change the other.
   */
  readonly pinned: boolean;
}

/** The same, with another file in the place of one. */
export function withFile(launch: Launch, from: string, to: string): Launch {
  const moved = (path: string): string => (path === from ? to : path);
  return { ...launch, file: moved(launch.file), args: launch.args.map(moved) };
}
