/** Time as a dependency, so that tests own it. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. The timer never keeps a process alive by itself being forgotten: abort it. */
  sleep(ms: number, options?: { readonly signal?: AbortSignal }): Promise<void>;
}
