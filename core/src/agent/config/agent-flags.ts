/** What the command line says; it wins over the file. A flag that is false leaves the file's word. */
export interface AgentFlags {
  readonly dataDir?: string | undefined;
  readonly joinToken?: string | undefined;
  readonly joinTokenFile?: string | undefined;
  readonly logFile?: string | undefined;
  readonly logFormat?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logSourceLocation?: boolean | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  readonly socketPath?: string | undefined;
  readonly trustDomain?: string | undefined;
  readonly trustBundle?: string | undefined;
  readonly trustBundleUrl?: string | undefined;
  readonly trustBundleFormat?: string | undefined;
  readonly allowUnauthenticatedVerifiers?: boolean | undefined;
  readonly insecureBootstrap?: boolean | undefined;
  readonly rebootstrapMode?: string | undefined;
  readonly rebootstrapDelay?: string | undefined;
  readonly disableWorkloadApi?: boolean | undefined;
  readonly disableSdsApi?: boolean | undefined;
}
