import { constants } from "node:fs";
import { access, lstat, open } from "node:fs/promises";
import { getSystemErrorMessage } from "node:util";
import { type Clock, Code, StatusError } from "@finial/sdk";
import { baseEnvironment, type Environment } from "../pluginhost/environment.ts";
import { type OutputLimits, readProgramOutput } from "./program-output.ts";
import { type SecretReference, titleOf } from "./reference.ts";
import { requireTrusted, resolveTrusted } from "./trusted-path.ts";

/** Of a file, a variable or what a program says: no password or key is longer. */
const maxBytes = 64 << 10;

export const secretLimits: OutputLimits = { timeoutMs: 10_000, maxBytes };

interface Options {
  readonly signal?: AbortSignal | undefined;
}

/** Gives the secret for a reference, as it is at that moment. */
export class SecretResolver {
  readonly #env: Environment;
  readonly #uid: number;
  readonly #clock: Clock;
  readonly #limits: OutputLimits;

  /** @param options.uid whose files are trusted, beside root's: the daemon's user. */
  constructor(options: {
    readonly env: Environment;
    readonly uid: number;
    readonly clock: Clock;
    readonly limits?: OutputLimits;
  }) {
    this.#env = options.env;
    this.#uid = options.uid;
    this.#clock = options.clock;
    this.#limits = options.limits ?? secretLimits;
  }

  /**
   * @returns what the file holds or the program says, without a line end that is its last; what the variable holds.
   * @throws {StatusError} FailedPrecondition `SECRET_UNTRUSTED` for what others could have changed, `SECRET_UNAVAILABLE` for
   *   what cannot be had; Cancelled. No message has any of the secret in it.
   */
  async resolve(reference: SecretReference, options: Options = {}): Promise<string> {
    try {
      const bytes = await this.#bytesOf(reference, options);
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
      const secret = reference.kind === "env" ? text : text.replace(/\r?\n$/, "");
      if (secret === "") throw unavailable("there is nothing in it");
      return secret;
    } catch (error) {
      options.signal?.throwIfAborted();
      throw named(reference, error);
    }
  }

  async #bytesOf(reference: SecretReference, options: Options): Promise<Buffer> {
    switch (reference.kind) {
      case "file":
        return await this.#read(reference.path);
      case "env": {
        const value = this.#env[reference.name];
        if (value === undefined) throw unavailable("the daemon's environment has no such variable");
        return withinLimit(Buffer.from(value));
      }
      case "exec":
        return await this.#run(reference.path, reference.args, options);
    }
  }

  /** What is read is what was checked: the file that is open, not what has its name by then. */
  async #read(path: string): Promise<Buffer> {
    const resolved = await resolveTrusted(path, this.#uid);
    // Without waiting: the other end of a pipe may never come.
    await using file = await open(resolved, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    requireTrusted(resolved, await file.stat(), this.#uid);
    const buffer = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, null);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) return withinLimit(buffer.subarray(0, length));
    }
  }

  async #run(path: string, args: readonly string[], { signal }: Options): Promise<Buffer> {
    const file = await resolveTrusted(path, this.#uid);
    requireTrusted(file, await lstat(file), this.#uid);
    await access(file, constants.X_OK);
    const program = { file, argv0: path, args, env: baseEnvironment(this.#env) };
    return await readProgramOutput(program, this.#limits, { clock: this.#clock, signal });
  }
}

function withinLimit(bytes: Buffer): Buffer {
  if (bytes.length > maxBytes) throw unavailable(`it is longer than ${maxBytes >> 10} KiB`);
  return bytes;
}

/** Names the reference; of an error of the file system's, says what it is in words. */
function named(reference: SecretReference, error: unknown): StatusError {
  const prefix = `${titleOf(reference)}: `;
  if (error instanceof StatusError) return error.prefixed(prefix);
  const { errno, path } = error as NodeJS.ErrnoException;
  if (errno !== undefined)
    return unavailable(`${path === undefined ? "" : `${path}: `}${getSystemErrorMessage(errno)}`).prefixed(
      prefix,
    );
  if (error instanceof TypeError && "code" in error && error.code === "ERR_ENCODING_INVALID_ENCODED_DATA")
    return unavailable(
      "it is no text in UTF-8; for bytes, encode them, or have the plugin read a file",
    ).prefixed(prefix);
  throw error;
}

function unavailable(message: string): StatusError {
  return new StatusError(Code.FailedPrecondition, "SECRET_UNAVAILABLE", message);
}
