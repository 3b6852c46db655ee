import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addService, type Handlers, type ServiceDefinition } from "@finial/sdk/internal";
import { Server, ServerCredentials } from "@grpc/grpc-js";

/** A gRPC server on a unix socket that keeps the unary requests it gets. For tests. */
export class FakeDaemon implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "finial-cli-"));
  readonly socketPath: string = join(this.folder, "api.sock");
  /** Method and message, in the order of arrival. */
  readonly requests: (readonly [method: string, message: unknown])[] = [];
  /** Values of the security header, a call each. */
  readonly headers: (string | undefined)[] = [];
  readonly #server = new Server();

  serve<D extends ServiceDefinition>(definition: D, handlers: Partial<Handlers<D>>): this {
    addService(this.#server, definition, handlers, {
      interceptors: [
        async (context, next, request) => {
          this.requests.push([context.method.split("/").at(-1) ?? "", request]);
          this.headers.push(context.metadata.get("workload.spiffe.io")[0]);
          await next();
        },
      ],
    });
    return this;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(`unix:${this.socketPath}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
