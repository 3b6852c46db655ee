/** How long a plugin may take, in milliseconds. */
export interface PluginLimits {
  /** From the start of its process to its handshake: go-plugin's limit. */
  readonly startMs: number;
  /** For Init, which does no work that takes long: a plugin that does not answer hangs. */
  readonly initMs: number;
  /** For the configuration of a process that takes the place of another; of the first, none: some plugins have far to go. */
  readonly configureAgainMs: number;
  /** For its goodbye: SPIRE's limit. */
  readonly deinitMs: number;
  /** For the answer to Shutdown, which is of no interest and may never come. */
  readonly shutdownMs: number;
  /** From there to the end of its process, as under SPIRE. */
  readonly exitMs: number;
}

export const pluginLimits: PluginLimits = {
  startMs: 60_000,
  initMs: 60_000,
  configureAgainMs: 60_000,
  deinitMs: 10_000,
  shutdownMs: 2000,
  exitMs: 2000,
};
