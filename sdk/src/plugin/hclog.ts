import { type LazyLogFields, type LogFields, type Logger, type LogLevel, madeFields } from "./logger.ts";

const maxLineBytes = 64 * 1024 - 1;
/** Even where every character takes six octets, the line stays short enough. */
const maxCutMessage = 8192;

/**
 * A logger whose lines a go-plugin host understands: one JSON object a line.
 *
 * @param write takes one line, with its line end.
 */
export function hclogLogger(write: (line: string) => void, now: () => Date, fields: LogFields = {}): Logger {
  const log =
    (level: LogLevel) =>
    (message: string, more: LazyLogFields = {}): void => {
      const entry = {
        "@level": level,
        "@message": String(message),
        "@timestamp": timestamp(now()),
        ...plain({ ...fields, ...madeFields(more) }),
      };
      write(`${toLine(entry)}\n`);
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

/** A host reads no line beyond 64 KiB. */
function toLine(entry: { readonly "@message": string }): string {
  const line = JSON.stringify(entry);
  if (Buffer.byteLength(line) <= maxLineBytes) return line;
  const { "@message": message, ...rest } = entry;
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => name.startsWith("@")));
  return JSON.stringify({ ...own, "@message": message.slice(0, maxCutMessage), truncated: true });
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
  if (typeof value !== "object") return value;
  try {
    JSON.stringify(value);
    return value;
  } catch {
    // A circle, a nested bigint, a toJSON that throws: the line matters more than this field.
    return Object.prototype.toString.call(value);
  }
}
