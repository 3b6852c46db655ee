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

  /** Nobody can connect before it listens. */
  static create(
    services: readonly HostService[],
    plugin: { readonly type: string; readonly name: string; readonly socketFolder: string },
  ): HostServiceServer {
    const address = join(plugin.socketFolder, `host-${randomBytes(4).toString("hex")}`);
    const server = new Server();
    for (const { definition, handlersFor } of services) addService(server, definition, handlersFor(plugin));
    return new HostServiceServer(address, server);
  }

  /** For a plain link, whose other end need not be known first. */
  static async start(...made: Parameters<typeof HostServiceServer.create>): Promise<HostServiceServer> {
    const server = HostServiceServer.create(...made);
    try {
      await server.listen();
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** @param credentials of a sealed link; plain without. */
  async listen(credentials: ServerCredentials = ServerCredentials.createInsecure()): Promise<void> {
    await new Promise<void>((resolve, reject) =>
      this.#server.bindAsync(`unix:${this.address}`, credentials, (error) =>
        error ? reject(error) : resolve(),
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
  }
}
