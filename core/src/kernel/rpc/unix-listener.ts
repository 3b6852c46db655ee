import { chmodSync, rmSync, statSync } from "node:fs";
import { createConnection, createServer, type Server as NetServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { Code, type Logger, StatusError } from "@finial/sdk";
import { type Server, ServerCredentials } from "@grpc/grpc-js";
import { makeFolders } from "../lifecycle/make-folders.ts";
import { OpenSockets } from "./open-sockets.ts";
import { type PeerProcess, readPeerProcess } from "./peer-credentials.ts";
import type { Peers } from "./peers.ts";
import { closeWhenSilent } from "./silence.ts";

/** The longest path that fits a `sockaddr_un` on Linux; Node binds a cut-off one without a word. */
const maxPathBytes = 107;

export interface UnixListenerOptions {
  readonly path: string;
  /** Of the socket file: 0o777 for workloads, 0o770 for operators. */
  readonly mode: number;
  readonly server: Server;
  readonly peers: Peers<PeerProcess>;
  readonly logger: Logger;
}

/** Accepts gRPC on a unix socket, each connection pinned to the process that made it. */
export class UnixListener implements AsyncDisposable {
  readonly path: string;
  readonly #net: NetServer;
  readonly #sockets = new OpenSockets();

  private constructor(path: string, net: NetServer) {
    this.path = path;
    this.#net = net;
  }

  /**
   * Takes the place of a socket nobody serves any more; makes the folder if need be.
   *
   * @throws {StatusError} FailedPrecondition `SOCKET_…`.
   */
  static async start(options: UnixListenerOptions): Promise<UnixListener> {
    const { path, mode, server, peers, logger } = options;
    checkLength(path);
    await clear(path, mode);
    const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
    const net = createServer();
    const listener = new UnixListener(path, net);
    net.on("connection", (socket) => {
      listener.#sockets.add(socket);
      // Resets are part of life here; the HTTP/2 session ends with them.
      socket.on("error", (error) => logger.trace("Connection failed", { error: error.message }));
      try {
        peers.add(socket, readPeerProcess(descriptorOf(socket)));
      } catch (error) {
        logger.warn("Connection refused", { error: StatusError.from(error).message });
        socket.destroy();
        return;
      }
      closeWhenSilent(socket);
      injector.injectConnection(socket);
    });
    await listen(net, path);
    net.on("error", (error) => logger.error("Listener failed", { error: error.message, address: path }));
    chmodSync(path, mode);
    return listener;
  }

  /** Takes no more connections; the open ones go on until they are disposed of. */
  stopAccepting(): void {
    this.#net.close();
  }

  /** Resolves when no connection is open. */
  drained(): Promise<void> {
    return this.#sockets.empty();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#net.close(() => resolve()));
    this.#sockets.destroy();
    await closed;
  }
}

/** Node keeps it, under a name it does not promise. */
function descriptorOf(socket: Socket): number {
  const handle = (socket as { _handle?: { fd?: number } })._handle;
  if (handle?.fd === undefined || handle.fd < 0)
    throw new StatusError(Code.Unavailable, "PEER_GONE", "the process that connected is gone");
  return handle.fd;
}

function checkLength(path: string): void {
  if (Buffer.byteLength(path) > maxPathBytes)
    throw new StatusError(
      Code.FailedPrecondition,
      "SOCKET_PATH_LENGTH",
      `the socket path ${path} is longer than ${maxPathBytes} bytes; choose a shorter one`,
    );
}

/** A socket file outlives a process that was killed; one that is still served is somebody's. */
async function clear(path: string, mode: number): Promise<void> {
  try {
    // Who may use the socket must get to it: folders made for it are as open as it is, whatever the umask.
    for (const made of makeFolders(dirname(path))) chmodSync(made, mode & 0o755);
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (!found.isSocket()) throw new Error("there is a file that is not a socket");
    if (await isServed(path)) throw new Error("another process is listening on it");
    rmSync(path);
  } catch (error) {
    throw unusable(path, error);
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

function listen(net: NetServer, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(unusable(path, error));
    net.once("error", fail);
    net.listen(path, () => {
      net.off("error", fail);
      resolve();
    });
  });
}

function unusable(path: string, error: unknown): StatusError {
  const why = error instanceof Error ? error.message : String(error);
  return new StatusError(Code.FailedPrecondition, "SOCKET_UNUSABLE", `cannot listen on ${path}: ${why}`, {
    cause: error,
  });
}
