import { constants } from "node:crypto";
import type { AddressInfo, Socket } from "node:net";
import { createServer, type SecureContextOptions, type TLSSocket, type Server as TlsServer } from "node:tls";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { OpenSockets } from "./open-sockets.ts";
import { chainOf } from "./peer-chain.ts";
import type { Peers } from "./peers.ts";
import { closeWhenSilent, prefaceLimitMs } from "./silence.ts";

/** How long a client may take; the defaults are as long as SPIRE's server lets a handshake take. */
export interface TlsLimits {
  readonly handshakeMs: number;
  /** From the end of the handshake to its first word. */
  readonly prefaceMs: number;
}

const defaultLimits: TlsLimits = { handshakeMs: 10_000, prefaceMs: prefaceLimitMs };

/** What a TLS server shows: PEM both; the chain leaf first. */
export interface TlsIdentity {
  readonly keyPem: string;
  readonly chainPem: string;
}

/** The other end of a TLS connection. */
export interface TlsPeer {
  /** IP address. */
  readonly address: string;
  readonly port: number;
  /** Leaf first, DER; empty when the client showed none. Proven by the handshake to be the client's. */
  readonly chainDer: readonly Buffer[];
}

export interface TlsListenerOptions<Peer extends object> {
  readonly host: string;
  readonly port: number;
  readonly identity: TlsIdentity;
  readonly server: Server;
  readonly peers: Peers<Peer>;
  /** Makes of the connection what handlers see, or throws: then it is closed. */
  readonly admit: (peer: TlsPeer) => Promise<Peer>;
  readonly limits?: TlsLimits;
  readonly logger: Logger;
}

/** Accepts gRPC over TLS, asking each client for a certificate without demanding one. */
export class TlsListener implements AsyncDisposable {
  readonly #tls: TlsServer;
  readonly #sockets = new OpenSockets();

  private constructor(tls: TlsServer) {
    this.#tls = tls;
  }

  /** @throws {StatusError} FailedPrecondition `ADDRESS_UNUSABLE`. */
  static async start<Peer extends object>(options: TlsListenerOptions<Peer>): Promise<TlsListener> {
    const { identity, logger, limits = defaultLimits } = options;
    const injector = options.server.createConnectionInjector(ServerCredentials.createInsecure());
    const tls = createServer({
      ...secureContextOf(identity),
      ALPNProtocols: ["h2"],
      requestCert: true,
      // We ask of a chain what SPIFFE asks, when it is here; OpenSSL's own opinion does not matter.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
    });
    const listener = new TlsListener(tls);
    tls.on("connection", (socket) => {
      listener.#sockets.add(socket);
      socket.on("error", (error) => logger.trace("Connection failed", { error: error.message }));
    });
    tls.on("tlsClientError", (error, socket) => {
      logger.debug("TLS handshake failed", { address: socket.remoteAddress, error: error.message });
      // Node only tells of it: a client that is late would stay.
      socket.destroy();
    });
    tls.on("secureConnection", (socket) => void admit(socket, injector, options));
    await listen(tls, options);
    tls.on("error", (error) => logger.error("Listener failed", { error: error.message }));
    return listener;
  }

  get port(): number {
    return (this.#tls.address() as AddressInfo).port;
  }

  /** New connections see it; open ones keep what they were shown. */
  setIdentity(identity: TlsIdentity): void {
    this.#tls.setSecureContext(secureContextOf(identity));
  }

  /** Takes no more connections; the open ones go on until they are disposed of. */
  stopAccepting(): void {
    this.#tls.close();
  }

  /** Resolves when no connection is open. */
  drained(): Promise<void> {
    return this.#sockets.empty();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#tls.close(() => resolve()));
    this.#sockets.destroy();
    await closed;
  }
}

async function admit<Peer extends object>(
  socket: TLSSocket,
  injector: { injectConnection(socket: Socket): void },
  { peers, admit, limits = defaultLimits, logger }: TlsListenerOptions<Peer>,
): Promise<void> {
  const { remoteAddress: address = "", remotePort: port = 0 } = socket;
  socket.on("error", (error) => logger.trace("Connection failed", { address, error: error.message }));
  // Paused: what the client sends while we look at its certificate waits for its session.
  socket.pause();
  try {
    const peer = await admit({ address, port, chainDer: chainOf(socket) });
    if (socket.destroyed) return;
    peers.add(socket, peer);
  } catch (error) {
    logger.warn("Connection refused", { address, error: StatusError.from(error).message });
    socket.destroy();
    return;
  }
  closeWhenSilent(socket, limits.prefaceMs);
  injector.injectConnection(socket);
}

/** All of it each time: what a new context does not say, Node forgets, refusals included. */
function secureContextOf({ keyPem, chainPem }: TlsIdentity): SecureContextOptions {
  return {
    key: keyPem,
    cert: chainPem,
    minVersion: "TLSv1.2",
    // A resumed session would skip the bundle of today, and come without its chain; HTTP/2 knows no renegotiation.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function listen(
  tls: TlsServer,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new StatusError(
          Code.FailedPrecondition,
          "ADDRESS_UNUSABLE",
          `cannot listen on ${host}:${port}: ${error.message}`,
          { cause: error },
        ),
      );
    tls.once("error", fail);
    tls.listen(port, host, () => {
      tls.off("error", fail);
      resolve();
    });
  });
}
