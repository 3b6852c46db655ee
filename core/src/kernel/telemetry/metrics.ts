export interface Label {
  readonly name: string;
  readonly value: string;
}

/** What is measured, by keys of several words. Sinks are configured; without one nobody listens. */
export interface Metrics {
  setGauge(key: readonly string[], value: number, labels?: readonly Label[]): void;
  incrementCounter(key: readonly string[], by: number, labels?: readonly Label[]): void;
  addSample(key: readonly string[], value: number, labels?: readonly Label[]): void;
  /** A sample of the milliseconds since then. */
  measureSince(key: readonly string[], since: Date, labels?: readonly Label[]): void;
}

/** For a daemon whose configuration names no sink. */
export const noMetrics: Metrics = {
  setGauge: () => {},
  incrementCounter: () => {},
  addSample: () => {},
  measureSince: () => {},
};
