const unitNs: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go counts nanoseconds in 64 bits. */
const maxNs = 2 ** 63;

/** Parses a Go duration such as `1h30m` or `-1.5s` to milliseconds; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0" || text === "+0" || text === "-0") return 0;
  const match = /^([+-])?((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u.exec(text);
  if (match === null) return undefined;
  const parts = match[2]?.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu) ?? [];
  let ns = 0;
  for (const [, amount, unit] of parts) ns += Number(amount) * (unitNs[unit ?? ""] ?? Number.NaN);
  if (ns >= maxNs) return undefined;
  return (match[1] === "-" ? -ns : ns) / 1e6;
}
