import { type LazyLogFields, type LogFields, type Logger, type LogLevel, madeFields } from "@finial/sdk";

export type LogFormat = "text" | "json";

/** Least severe first. */
const order: readonly LogLevel[] = ["trace", "debug", "info", "warn", "error"];
/** As logrus writes them. */
const names: Readonly<Record<LogLevel, string>> = {
  trace: "trace",
  debug: "debug",
  info: "info",
  warn: "warning",
  error: "error",
};

/** A level that can be changed while the program runs: every logger made with it follows. */
export class LogThreshold {
  readonly launchLevel: LogLevel;
  level: LogLevel;

  constructor(level: LogLevel) {
    this.launchLevel = level;
    this.level = level;
  }

  allows(level: LogLevel): boolean {
    return order.indexOf(level) >= order.indexOf(this.level);
  }
}

/** Reads SPIRE's level names in any case: panic, fatal, error, warn, warning, info, debug, trace. */
export function findLogLevel(name: string): LogLevel | undefined {
  const lower = name.toLowerCase();
  if (lower === "warning") return "warn";
  if (lower === "panic" || lower === "fatal") return "error";
  return order.find((level) => level === lower);
}

export interface LogOptions {
  readonly format: LogFormat;
  readonly threshold: LogThreshold;
  readonly now: () => Date;
  /** Takes one line with its end. */
  readonly write: (line: string) => void;
}

/** A logger that prints what SPIRE's prints: logrus text or JSON, one line an entry. */
export function createLogger(options: LogOptions, fields: LogFields = {}): Logger {
  const format = options.format === "json" ? formatJson : formatText;
  const log = (level: LogLevel, message: string, more: LazyLogFields = {}): void => {
    if (!options.threshold.allows(level)) return;
    options.write(`${format(options.now(), level, message, { ...fields, ...madeFields(more) })}\n`);
  };
  return {
    trace: (message, more) => log("trace", message, more),
    debug: (message, more) => log("debug", message, more),
    info: (message, more) => log("info", message, more),
    warn: (message, more) => log("warn", message, more),
    error: (message, more) => log("error", message, more),
    with: (more) => createLogger(options, { ...fields, ...more }),
  };
}

/** Seconds: logrus's time format without a fraction, in UTC. */
function timeOf(now: Date): string {
  return now.toISOString().replace(/\.\d+Z$/, "Z");
}

function formatJson(now: Date, level: LogLevel, message: string, fields: LogFields): string {
  const { level: l, msg, time, ...rest } = fields;
  // A field must not pass for the entry's own.
  const clashes = { "fields.level": l, "fields.msg": msg, "fields.time": time };
  const entry = { ...rest, ...clashes, level: names[level], msg: message, time: timeOf(now) };
  const members = Object.entries(entry)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${jsonOf(value)}`);
  return `{${members.join(",")}}`;
}

function formatText(now: Date, level: LogLevel, message: string, fields: LogFields): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${quoted(key)}=${quoted(value)}`);
  return [`time=${quoted(timeOf(now))}`, `level=${names[level]}`, `msg=${quoted(message)}`, ...pairs].join(
    " ",
  );
}

/** Of an error a log says the sentence: what else it holds is for programs. */
function plain(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === "bigint" ? value.toString() : value;
}

/** Fields come from plugins, too: one that JSON cannot say, such as a nest too deep for it, must not cost more than itself. */
function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value, (_key, inner) => plain(inner)) ?? JSON.stringify(String(value));
  } catch {
    return JSON.stringify(Object.prototype.toString.call(value));
  }
}

/** What a terminal obeys and JSON leaves as it is. */
const invisible = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Quoted unless plain, so that neither a key nor a value can forge a field or a line. */
function quoted(field: unknown): string {
  const value = plain(field);
  const text = typeof value === "string" ? value : jsonOf(value);
  return /^[A-Za-z0-9\-._/@^+]+$/.test(text) ? text : quotedText(text);
}

/** A text in quotation marks, with nothing in it that a terminal obeys. */
export function quotedText(text: string): string {
  return JSON.stringify(text).replaceAll(
    invisible,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
