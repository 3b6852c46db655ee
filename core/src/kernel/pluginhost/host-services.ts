import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { addService, type Handlers, type ServiceDefinition } from "@finial/sdk/internal";
import { Server, ServerCredentials } from "@grpc/grpc-js";

/** A service the daemon offers its plugins; handlers are made for each plugin, which is how they know their caller. */
export interface HostService<D extends ServiceDefinition = ServiceDefinition> {
  readonly definition: D;
  readonly handlersFor: (plugin: { readonly type: string; readonly name: string }) => Partial<Handlers<D>>;
}

/** Where one plugin finds the host's services: a socket of its own, which is how the host knows who calls. */
export class HostServiceServer implements AsyncDisposable {
  readonly address: string;
  readonly #server: Server;

  private constructor(address: string, server: Server) {
    this.address = address;
    this.#server = server;
  }

  static async start(
    services: readonly HostService[],
    plugin: { readonly type: string; readonly name: string; readonly socketFolder: string },
  ): Promise<HostServiceServer> {
    const address = join(plugin.socketFolder, `host-${randomBytes(4).toString("hex")}`);
    const server = new Server();
    for (const { definition, handlersFor } of services) addService(server, definition, handlersFor(plugin));
    const started = new HostServiceServer(address, server);
    try {
      await new Promise<void>((resolve, reject) =>
        server.bindAsync(`unix:${address}`, ServerCredentials.createInsecure(), (error) =>
          error ? reject(error) : resolve(),
        ),
      );
    } catch (error) {
      await started[Symbol.asyncDispose]();
      throw error;
    }
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}
