import type { Socket } from "node:net";
import { Code, StatusError } from "@finial/sdk";
import type { CallContext } from "@finial/sdk/internal";

/**
 * Who is at the other end of each open connection. grpc-js tells a handler only its peer's address, so every connection gets
 * an address of its own to be found by.
 */
export class Peers<Peer extends object> {
  readonly #peers = new Map<string, Peer>();
  #next = 1;

  /** Remembers the peer for as long as the socket is open, then disposes of it if it can be. */
  add(socket: Socket, peer: Peer): void {
    const id = `connection-${this.#next++}`;
    Object.defineProperty(socket, "remoteAddress", { value: id });
    // grpc-js would append a port.
    Object.defineProperty(socket, "remotePort", { value: undefined });
    this.#peers.set(id, peer);
    socket.once("close", () => {
      this.#peers.delete(id);
      if (Symbol.dispose in peer) (peer as Disposable)[Symbol.dispose]();
    });
  }

  /** @throws {StatusError} Unavailable when the connection has closed. */
  of(context: Pick<CallContext, "peer">): Peer {
    const peer = this.#peers.get(context.peer);
    if (peer === undefined) throw new StatusError(Code.Unavailable, "PEER_GONE", "the connection is closed");
    return peer;
  }
}
