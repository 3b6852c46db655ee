import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addService, type Handlers, type ServiceDefinition } from "@finial/sdk/internal";
import { Server, ServerCredentials } from "@grpc/grpc-js";

/** A service the daemon offers its plugins; handlers are made for each plugin, which is how they know their caller. */
export interface HostService<D extends ServiceDefinition = ServiceDefinition> {
  readonly definition: D;
  readonly handlersFor: (plugin: { readonly type: string; readonly name: string }) => Partial<Handlers<D>>;
}

/** Where one plugin finds the host's services: a socket of its own in a folder only this user can enter. */
export class HostServiceServer implements AsyncDisposable {
  readonly address: string;
  readonly #folder: string;
  readonly #server: Server;

  private constructor(folder: string, address: string, server: Server) {
    this.#folder = folder;
    this.address = address;
    this.#server = server;
  }

  static async start(
    services: readonly HostService[],
    plugin: { readonly type: string; readonly name: string },
  ): Promise<HostServiceServer> {
    const folder = mkdtempSync(join(tmpdir(), "finial-host"));
    const address = join(folder, "s");
    const server = new Server();
    for (const { definition, handlersFor } of services) addService(server, definition, handlersFor(plugin));
    const started = new HostServiceServer(folder, address, server);
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
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
