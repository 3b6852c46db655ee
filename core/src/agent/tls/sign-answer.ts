const waiting = 0;
const signed = 1;
const failed = 2;
const headBytes = 8;
/** More than any signature by a key of P-256. */
const maxSignatureBytes = 256;

/** A signature on its way from the thread that has it to the one that waits for it. */
export class SignAnswer {
  readonly buffer: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(headBytes + maxSignatureBytes)) {
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, 2);
    this.#bytes = new Uint8Array(buffer, headBytes);
  }

  /** Before the question: an answer to it will not be taken for one to the last. */
  reset(): void {
    Atomics.store(this.#head, 0, waiting);
  }

  /** @param signature undefined: there is none. */
  give(signature: Buffer | undefined): void {
    const fits = signature !== undefined && signature.length <= maxSignatureBytes;
    if (fits) {
      this.#bytes.set(signature);
      Atomics.store(this.#head, 1, signature.length);
    }
    Atomics.store(this.#head, 0, fits ? signed : failed);
    Atomics.notify(this.#head, 0);
  }

  /** Blocks this thread. @returns undefined when there is none, or none in time. */
  wait(limitMs: number): Buffer | undefined {
    Atomics.wait(this.#head, 0, waiting, limitMs);
    if (Atomics.load(this.#head, 0) !== signed) return undefined;
    return Buffer.from(this.#bytes.slice(0, Atomics.load(this.#head, 1)));
  }
}
