import {
  type Clock,
  type LazyLogFields,
  type LogFields,
  type Logger,
  type LogLevel,
  madeFields,
} from "@finial/sdk";

/** Enough to see what led to a fault. */
const maxLines = 500;
/** Of what one line holds, in UTF-16 units; the log itself has all of it. */
const maxText = 4096;
/** Who reads too slowly for this loses the rest. */
const maxWaiting = 10_000;

export interface RecentLine {
  readonly at: Date;
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** What was logged of one plugin last, also what the daemon's log level leaves out. */
export class RecentLog {
  readonly #clock: Pick<Clock, "now">;
  readonly #lines: RecentLine[] = [];
  readonly #followers = new Set<(line: RecentLine) => void>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** @param count at most so many; all that are kept by default. The oldest first. */
  last(count: number = maxLines): readonly RecentLine[] {
    return count <= 0 ? [] : this.#lines.slice(-count);
  }

  /** What is logged from now on, until the signal aborts; ends when its reader falls far behind. */
  async *follow(signal: AbortSignal): AsyncGenerator<RecentLine> {
    const waiting: RecentLine[] = [];
    let wake = Promise.withResolvers<void>();
    const take = (line: RecentLine): void => {
      waiting.push(line);
      wake.resolve();
      // Its reader may never come back for them.
      if (waiting.length > maxWaiting) this.#followers.delete(take);
    };
    const stop = (): void => wake.resolve();
    this.#followers.add(take);
    signal.addEventListener("abort", stop);
    try {
      while (!signal.aborted && waiting.length <= maxWaiting) {
        const line = waiting.shift();
        if (line !== undefined) {
          yield line;
          continue;
        }
        await wake.promise;
        wake = Promise.withResolvers();
      }
    } finally {
      this.#followers.delete(take);
      signal.removeEventListener("abort", stop);
    }
  }

  /** A logger that writes to the other, and keeps here what was written. */
  logger(logger: Logger, own: LogFields = {}): Logger {
    const keep = (level: LogLevel, message: string, fields: LogFields): LogFields => {
      this.#add(level, message, { ...own, ...fields });
      return fields;
    };
    const lazily =
      (level: "trace" | "debug") =>
      (message: string, fields: LazyLogFields = {}): void =>
        logger[level](message, keep(level, message, madeFields(fields)));
    const at =
      (level: "info" | "warn" | "error") =>
      (message: string, fields: LogFields = {}): void =>
        logger[level](message, keep(level, message, fields));
    return {
      trace: lazily("trace"),
      debug: lazily("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => this.logger(logger.with(fields), { ...own, ...fields }),
    };
  }

  #add(level: LogLevel, message: string, fields: LogFields): void {
    const line: RecentLine = {
      at: this.#clock.now(),
      level,
      message: cut(message),
      fields: Object.fromEntries(
        Object.entries(fields).flatMap(([name, value]) =>
          value === undefined ? [] : [[name, cut(textOf(value))] as const],
        ),
      ),
    };
    this.#lines.push(line);
    if (this.#lines.length > maxLines) this.#lines.shift();
    for (const follower of this.#followers) follower(line);
  }
}

function cut(text: string): string {
  return text.length > maxText ? `${text.slice(0, maxText)}…` : text;
}

function textOf(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    // A circle, a nested bigint: the line matters more than this field.
    return Object.prototype.toString.call(value);
  }
}
