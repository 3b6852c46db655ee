import { Code } from "./code.ts";

/** A typed detail of a status, as in google.rpc.Status: `typeUrl` such as `type.googleapis.com/spire.api.types.PermissionDeniedDetails`. */
export interface StatusDetail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

export interface StatusErrorOptions {
  /** `downstream`: a service behind this code failed, not this code. */
  readonly source?: "plugin" | "downstream";
  /** Sent to the caller. */
  readonly details?: readonly StatusDetail[];
  /** Logged, never sent. */
  readonly cause?: unknown;
}

/**
 * The one error of every room: a gRPC code, a stable word to switch on, and a sentence for people.
 *
 * `message` is lower case, says what, where and what would be right, and never holds a key or a token.
 */
export class StatusError extends Error {
  override readonly name = "StatusError";
  readonly code: Code;
  readonly reason: string;
  readonly source: "plugin" | "downstream";
  readonly details: readonly StatusDetail[];

  constructor(code: Code, reason: string, message: string, options: StatusErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = reason;
    this.source = options.source ?? "plugin";
    this.details = options.details ?? [];
  }

  /** The same error with words before its message: said once, at the boundary that knows them. */
  prefixed(prefix: string): StatusError {
    if (this.message.startsWith(prefix)) return this;
    return new StatusError(this.code, this.reason, `${prefix}${this.message}`, {
      source: this.source,
      details: this.details,
      cause: this.cause ?? this,
    });
  }

  /** The only catch-all: any thrown value as a StatusError. A stranger's error becomes Unknown, an abort Cancelled. */
  static from(error: unknown): StatusError {
    if (error instanceof StatusError) return error;
    if (error instanceof Error && error.name === "AbortError")
      return new StatusError(Code.Cancelled, "CANCELLED", "context canceled", { cause: error });
    if (error instanceof Error && error.name === "TimeoutError")
      return new StatusError(Code.DeadlineExceeded, "DEADLINE_EXCEEDED", "context deadline exceeded", {
        cause: error,
      });
    return new StatusError(Code.Unknown, "UNKNOWN", wordsOf(error), { cause: error });
  }
}

/** Anything can be thrown, an object without a prototype, too. */
function wordsOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === "object" && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}
