import { type LazyLogFields, type LogFields, type Logger, madeFields, StatusError } from "@finial/sdk";

/** What stands where a secret was. */
const mark = "[secret]";
/** Shorter ones are found in any text, and keep no secret. */
const minLength = 4;
/** Of the lines of one that has many, such as a key in PEM: each may be logged by itself. */
const minLineLength = 16;
/** Those of the last configurations: a plugin may still speak of the one before. */
const maxKept = 256;

/** Takes the secrets that a plugin was given out of what it says: plugins quote what they do not understand. */
export class Redaction {
  /** The newest first. */
  #secrets: readonly string[] = [];
  /** Longest first: one may be a part of another. */
  #forms: readonly string[] = [];

  /** From here on these are taken out. */
  add(secrets: readonly string[]): void {
    if (secrets.length === 0) return;
    this.#secrets = [...new Set([...secrets, ...this.#secrets])].slice(0, maxKept);
    this.#forms = [...new Set(this.#secrets.flatMap(formsOf))].sort(
      (one, other) => other.length - one.length,
    );
  }

  redact(text: string): string {
    return this.#forms.reduce((rest, value) => rest.replaceAll(value, mark), text);
  }

  /** An error as it may be shown: the one that was given, where nothing is secret in it. */
  error(error: unknown): StatusError {
    const status = StatusError.from(error);
    const message = this.redact(status.message);
    if (message === status.message) return status;
    // What it was made from has the secret in it, too.
    return new StatusError(status.code, status.reason, message, { source: status.source });
  }

  /** As {@link error}, for what may be anything: the very same where nothing secret is in its message. */
  failure(thrown: unknown): unknown {
    if (!(thrown instanceof Error) || this.redact(thrown.message) === thrown.message) return thrown;
    return this.error(thrown);
  }

  /** A logger that writes to the other what is left. */
  logger(logger: Logger): Logger {
    const lazily = (fields: LazyLogFields | undefined): LazyLogFields | undefined =>
      fields === undefined || this.#forms.length === 0
        ? fields
        : () => this.#redactFields(madeFields(fields));
    const now = (fields: LogFields | undefined): LogFields | undefined =>
      fields === undefined || this.#forms.length === 0 ? fields : this.#redactFields(fields);
    return {
      trace: (message, fields) => logger.trace(this.redact(message), lazily(fields)),
      debug: (message, fields) => logger.debug(this.redact(message), lazily(fields)),
      info: (message, fields) => logger.info(this.redact(message), now(fields)),
      warn: (message, fields) => logger.warn(this.redact(message), now(fields)),
      error: (message, fields) => logger.error(this.redact(message), now(fields)),
      with: (fields) => this.logger(logger.with(fields)),
    };
  }

  #redactFields(fields: LogFields): LogFields {
    return Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [this.redact(name), this.#redactValue(value)]),
    );
  }

  /** Fields come from JSON, or are the host's own. */
  #redactValue(value: unknown): unknown {
    if (typeof value === "string") return this.redact(value);
    if (Array.isArray(value)) return value.map((item) => this.#redactValue(item));
    if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype)
      return value;
    return this.#redactFields(value as LogFields);
  }
}

/** As it is, as JSON and HCL write it, and line by line. */
function formsOf(secret: string): readonly string[] {
  const lines = secret.split(/\r?\n/).filter((line) => line.length >= minLineLength);
  return [JSON.stringify(secret).slice(1, -1), secret, ...lines].filter((form) => form.length >= minLength);
}
