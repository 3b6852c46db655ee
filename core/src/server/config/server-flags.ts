/** What the command line says; it wins over the file. */
export interface ServerFlags {
  readonly bindAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  readonly dataDir?: string | undefined;
  readonly logFile?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logSourceLocation?: boolean | undefined;
  readonly trustDomain?: string | undefined;
  readonly socketPath?: string | undefined;
}
