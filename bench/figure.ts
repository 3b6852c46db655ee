/** One number of the bench, with a name that stays. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** Of an odd count the one in the middle, else the mean of both. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** @param percent such as 99; between two values in proportion. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = ((sorted.length - 1) * percent) / 100;
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) throw new TypeError("a percentile of nothing");
  return below + (above - below) * (place - Math.floor(place));
}
