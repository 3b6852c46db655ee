import type { LogFields, Logger, LogLevel } from "@finial/sdk";

/** Longer lines are cut: go-plugin's own host reads no more of a line either. */
const maxLineBytes = 64 << 10;

/**
 * Turns a plugin's standard error into log lines: hclog's JSON as what it says, anything else as it stands.
 *
 * Feed it bytes in any pieces.
 */
export class PluginLog {
  readonly #logger: Logger;
  #rest = "";
  #panicking = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  write(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    if (this.#rest.length > maxLineBytes) this.end();
  }

  /** What came without a line end. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }

  #line(line: string): void {
    if (line.trim() === "") return;
    const entry = parseHclog(line);
    if (entry === undefined) this.#plain(line);
    else this.#logger[entry.level](entry.message, entry.fields);
  }

  #plain(line: string): void {
    if (line.startsWith("panic: ") || line.startsWith("fatal error: ")) this.#panicking = true;
    const prefix = /^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]/.exec(line)?.[1]?.toLowerCase();
    const level = (prefix as LogLevel | undefined) ?? (this.#panicking ? "error" : "debug");
    this.#logger[level](line);
  }
}

interface Entry {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

const levels: ReadonlySet<string> = new Set(["trace", "debug", "info", "warn", "error"]);

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
    fields: { ...fields, ...(timestamp !== undefined && { timestamp }) },
  };
}
