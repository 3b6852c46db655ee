import type { Logger } from "@finial/sdk";
import { addService, type Handlers, type ServiceDefinition } from "@finial/sdk/internal";
import { Server } from "@grpc/grpc-js";
import { Peers } from "../../kernel/rpc/peers.ts";
import { TlsListener, type TlsPeer } from "../../kernel/rpc/tls-listener.ts";
import type { ServerAddress } from "./server-connection.ts";

/** A server's door: gRPC over TLS on a free port, open to all clients. For tests. */
export class FakeServer implements AsyncDisposable, ServerAddress {
  readonly serverAddress = "127.0.0.1";
  /** Who has connected, in order. */
  readonly clients: TlsPeer[] = [];
  readonly #server = new Server();
  readonly #logger: Logger;
  #listener: TlsListener | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  serve<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): this {
    addService(this.#server, definition, handlers);
    return this;
  }

  /** Begins with this identity, or goes on with it at the next connection. */
  async show({ keyPem, chainPem }: { readonly keyPem: string; readonly chainPem: string }): Promise<this> {
    const identity = { keyPem, chainPem };
    this.#listener?.setIdentity(identity);
    this.#listener ??= await TlsListener.start({
      host: this.serverAddress,
      port: 0,
      identity,
      server: this.#server,
      peers: new Peers<TlsPeer>(),
      admit: async (peer) => {
        this.clients.push(peer);
        return peer;
      },
      logger: this.#logger,
    });
    return this;
  }

  get serverPort(): number {
    return this.#listener?.port ?? 0;
  }

  /** Resolves when no client is connected. */
  async drained(): Promise<void> {
    await this.#listener?.drained();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await this.#listener?.[Symbol.asyncDispose]();
  }
}
