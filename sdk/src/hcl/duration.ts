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
  // One part after the other: a pattern of the whole would need a stack as deep as the text is long.
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/uy;
  part.lastIndex = /^[+-]/.test(text) ? 1 : 0;
  if (part.lastIndex === text.length) return undefined;
  let ns = 0;
  while (part.lastIndex < text.length) {
    const match = part.exec(text);
    if (match === null) return undefined;
    ns += Number(match[1]) * (unitNs[match[2] ?? ""] ?? Number.NaN);
  }
  if (ns >= maxNs) return undefined;
  return (text.startsWith("-") ? -ns : ns) / 1e6;
}
