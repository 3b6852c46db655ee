/** How long a plugin may take, in milliseconds. */
export interface PluginLimits {
  /** From the start of its process to its handshake: go-plugin's limit. */
  readonly startMs: number;
  /** For Init, which does no work that takes long: a plugin that does not answer hangs. */
  readonly initMs: number;
  /** For the configuration of a process that takes the place of another; of the first, none: some plugins have far to go. */
  readonly configureAgainMs: number;
  /** Between two questions whether it is there. */
  readonly pulseEveryMs: number;
  /** For the answer. */
  readonly pulseMs: number;
  /** So many answers in a row that did not come, and a plugin that does nothing hangs. */
  readonly missedPulses: number;
  /** So long a plugin may be too busy to answer. */
  readonly busyMs: number;
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
  pulseEveryMs: 1000,
  pulseMs: 1000,
  missedPulses: 2,
  busyMs: 30_000,
  deinitMs: 10_000,
  shutdownMs: 2000,
  exitMs: 2000,
};
