import type { LogFields, Logger, LogLevel } from "./logger.ts";

/**
 * A logger whose lines a go-plugin host understands: one JSON object a line.
 *
 * @param write takes one line, with its line end.
 */
export function hclogLogger(write: (line: string) => void, now: () => Date, fields: LogFields = {}): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, more: LogFields = {}): void => {
      const entry = {
        "@level": level,
        "@message": message,
        "@timestamp": timestamp(now()),
        ...plain({ ...fields, ...more }),
      };
      write(`${JSON.stringify(entry)}\n`);
    };
  return {
    trace: log("trace"),
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    with: (more) => hclogLogger(write, now, { ...fields, ...more }),
  };
}

/** Go hosts take nothing but exactly six fractional digits. */
function timestamp(date: Date): string {
  return date.toISOString().replace("Z", "000Z");
}

/** Field values as JSON can say them; a field can never stand in for hclog's own, which Go hosts cast unchecked. */
function plain(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => !name.startsWith("@"))
      .map(([name, value]) => [name, plainValue(value)]),
  );
}

function plainValue(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  if (typeof value === "bigint") return value.toString();
  return value;
}
