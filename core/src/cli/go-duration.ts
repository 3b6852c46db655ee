/** A duration as Go prints it: `1h0m0s`, `2.5ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size < 0.001) return `${sign}${rounded(size * 1e6)}ns`;
  if (size < 1) return `${sign}${rounded(size * 1e3)}µs`;
  if (size < 1000) return `${sign}${rounded(size)}ms`;
  const hours = Math.floor(size / 3_600_000);
  const minutes = Math.floor((size % 3_600_000) / 60_000);
  const seconds = `${rounded((size % 60_000) / 1000)}s`;
  if (hours > 0) return `${sign}${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${sign}${minutes}m${seconds}` : `${sign}${seconds}`;
}

/** Without the noise of binary fractions; nothing is finer than a nanosecond. */
function rounded(value: number): string {
  return String(Number(value.toFixed(6)));
}
