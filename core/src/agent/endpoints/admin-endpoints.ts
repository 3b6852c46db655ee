import { PluginDefinition } from "@finial/proto/api/plugin/v1/plugin";
import { type Clock, codeName, type Logger, StatusError } from "@finial/sdk";
import { addService, type Handlers, type Interceptor } from "@finial/sdk/internal";
import { Server } from "@grpc/grpc-js";
import { endGracefully } from "../../kernel/rpc/end-gracefully.ts";
import type { PeerProcess } from "../../kernel/rpc/peer-credentials.ts";
import { Peers } from "../../kernel/rpc/peers.ts";
import { UnixListener } from "../../kernel/rpc/unix-listener.ts";

export interface AdminEndpointsOptions {
  readonly socketPath: string;
  readonly plugin: Handlers<typeof PluginDefinition>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Those who follow a log would go on for ever. */
const stopGraceMs = 1000;

/** The agent's socket for operators, of its user and group alone. */
export class AdminEndpoints implements AsyncDisposable {
  readonly #server: Server;
  readonly #listener: UnixListener;
  readonly #options: AdminEndpointsOptions;

  private constructor(server: Server, listener: UnixListener, options: AdminEndpointsOptions) {
    this.#server = server;
    this.#listener = listener;
    this.#options = options;
  }

  /** @throws {StatusError} FailedPrecondition when the socket cannot be had. */
  static async start(options: AdminEndpointsOptions): Promise<AdminEndpoints> {
    const { socketPath: path, plugin, logger } = options;
    const server = new Server();
    const peers = new Peers<PeerProcess>();
    addService(server, PluginDefinition, plugin, { interceptors: [logFailures(logger, peers)] });
    const listener = await UnixListener.start({ path, mode: 0o770, server, peers, logger });
    logger.info("Starting admin APIs", { network: "unix", address: listener.path });
    return new AdminEndpoints(server, listener, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { logger, clock } = this.#options;
    logger.info("Stopping admin APIs");
    const door = { server: this.#server, listener: this.#listener };
    await endGracefully([door], { graceMs: stopGraceMs, clock });
  }
}

/** Each failed call once, with who called. */
function logFailures(logger: Logger, peers: Peers<PeerProcess>): Interceptor {
  return async (context, next) => {
    try {
      await next();
    } catch (thrown) {
      const error = StatusError.from(thrown);
      if (!context.signal.aborted) {
        const { pid, uid } = peers.of(context);
        logger.error("Admin call failed", {
          method: context.method.split("/").at(-1),
          caller_pid: pid,
          caller_uid: uid,
          status_code: codeName(error.code),
          error: error.message,
        });
      }
      throw error;
    }
  };
}
