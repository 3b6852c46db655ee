const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Go counts nanoseconds in 64 bits. */
const maxMs = 2 ** 63 / 1e6;

/** Parses a Go duration such as `1h30m` or `-1.5s` to milliseconds; undefined when it is none. */
export function parseDurationMs(text: string): number | undefined {
  if (text === "0" || text === "+0" || text === "-0") return 0;
  const match = /^([+-])?((?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/u.exec(text);
  if (match === null) return undefined;
  const parts = match[2]?.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gu) ?? [];
  let ms = 0;
  for (const [, amount, unit] of parts) ms += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN);
  if (ms > maxMs) return undefined;
  return match[1] === "-" ? -ms : ms;
}
