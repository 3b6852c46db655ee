import { Duplex } from "node:stream";
import type { MessagePort } from "node:worker_threads";

/** What the two ends say to each other. */
type PortMessage =
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  /** The last chunk has been taken: the next may come. */
  | { readonly kind: "taken" }
  | { readonly kind: "end" }
  | { readonly kind: "destroyed" };

/** Bytes between two threads, in both directions; neither sends more than the other takes. Each end owns its port. */
export class PortStream extends Duplex {
  readonly #port: MessagePort;
  #written: (() => void) | undefined;
  /** The other end waits to hear that its chunk has been taken. */
  #owesTaken = false;
  /** Nothing more comes from the other end. */
  #isEnded = false;
  /** Nobody is at the other end any more. */
  #isAlone = false;

  /** @param options.stays until it is destroyed, though both directions have ended. */
  constructor(port: MessagePort, { stays = false }: { readonly stays?: boolean } = {}) {
    super({ autoDestroy: !stays });
    this.#port = port;
    port.on("message", (message: PortMessage) => this.#take(message));
    // It has closed its port, or its thread has ended.
    port.once("close", () => this.#leaveAlone());
  }

  override _write(bytes: Uint8Array, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    if (this.#isAlone) {
      done(new Error("the connection is closed"));
      return;
    }
    this.#written = done;
    this.#send({ kind: "chunk", bytes });
  }

  override _final(done: () => void): void {
    this.#send({ kind: "end" });
    done();
  }

  override _read(): void {
    if (!this.#owesTaken) return;
    this.#owesTaken = false;
    this.#send({ kind: "taken" });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#send({ kind: "destroyed" });
    this.#port.close();
    done(error);
  }

  #send(message: PortMessage): void {
    this.#port.postMessage(message);
  }

  #take(message: PortMessage): void {
    switch (message.kind) {
      case "chunk":
        this.#owesTaken = true;
        this.push(message.bytes);
        return;
      case "taken": {
        const written = this.#written;
        this.#written = undefined;
        written?.();
        return;
      }
      case "end":
        this.#isEnded = true;
        this.push(null);
        return;
      case "destroyed":
        this.#leaveAlone();
        return;
    }
  }

  /** What came before the end is there to be read; without an end, or with a chunk that nobody took, something is lost. */
  #leaveAlone(): void {
    this.#isAlone = true;
    if (!this.#isEnded || this.#written !== undefined) this.destroy();
  }
}
