import type { Socket } from "node:net";

/** The connections of a listener that are open now. */
export class OpenSockets {
  readonly #sockets = new Set<Socket>();
  #waiting: (() => void)[] = [];

  add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size > 0) return;
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }

  /**
   * Resolves when all have closed. HTTP/2 sessions that were told to close do so with their last call, but grpc-js does not
   * tell: with this Node, its tryShutdown does not wait for calls.
   */
  async empty(): Promise<void> {
    if (this.#sockets.size > 0)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
  }

  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
