import type { LogFields, Logger, LogLevel } from "@finial/sdk";
import { Lines } from "./lines.ts";

/** Enough to see why a process ended; more would only hide it. */
const maxLastWords = 2000;

/**
 * Turns a plugin's standard error into log lines: hclog's JSON as what it says, anything else as it stands.
 *
 * Feed it text in any pieces.
 */
export class PluginLog {
  readonly #logger: Logger;
  readonly #redact: (words: string) => string;
  readonly #lines = new Lines((line, isWhole) => this.#line(line, isWhole));
  #panicking = false;
  #lastWords = "";

  /** @param redact what {@link lastWords} are to be without; the logger sees to itself. */
  constructor(logger: Logger, redact: (words: string) => string = (words) => words) {
    this.#logger = logger;
    this.#redact = redact;
  }

  write(text: string): void {
    this.#lines.write(text);
  }

  /** What came without a line end. */
  end(): void {
    this.#lines.end();
  }

  /** The end of what it said in no log's format, as runtimes do that cannot start. */
  get lastWords(): string {
    return this.#lastWords.trim();
  }

  #line(line: string, isWhole: boolean): void {
    if (line.trim() === "") return;
    const entry = isWhole ? parseHclog(line) : undefined;
    if (entry !== undefined) {
      this.#logger[entry.level](entry.message, entry.fields);
      return;
    }
    this.#lastWords = `${this.#lastWords}${this.#redact(line)}\n`.slice(-maxLastWords);
    this.#logger[isWhole ? this.#levelOf(line) : "debug"](line);
  }

  #levelOf(line: string): LogLevel {
    if (line.startsWith("panic: ") || line.startsWith("fatal error: ")) this.#panicking = true;
    const prefix = /^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]/.exec(line)?.[1]?.toLowerCase();
    return (prefix as LogLevel | undefined) ?? (this.#panicking ? "error" : "debug");
  }
}

interface Entry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

const levels: ReadonlySet<string> = new Set(["trace", "debug", "info", "warn", "error"]);
/** Says the host, of every line: which plugin it is that speaks is not for the plugin to say. */
const hostFields = ["plugin_name", "plugin_type", "external", "subsystem_name"];

function parseHclog(line: string): Entry | undefined {
  if (!line.startsWith("{")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null) return undefined;
  const { "@message": message, "@level": level, "@timestamp": timestamp, ...fields } = parsed as LogFields;
  const known = typeof level === "string" ? level.trim().toLowerCase() : "";
  if (typeof message !== "string" || !levels.has(known)) return undefined;
  return {
    level: known as LogLevel,
    message,
    fields: { ...withoutHostFields(fields), ...(timestamp !== undefined && { timestamp }) },
  };
}

function withoutHostFields(fields: LogFields): LogFields {
  if (!hostFields.some((name) => Object.hasOwn(fields, name))) return fields;
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      hostFields.includes(name) ? `fields.${name}` : name,
      value,
    ]),
  );
}
